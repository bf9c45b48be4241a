//! The workflows of the public host, and the script that the release reads the repository with.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;

use crate::repository;

const CI: &str = ".github/workflows/ci.yml";
const RELEASE: &str = ".github/workflows/release.yml";

#[test]
fn the_workflow_runs_every_part_of_the_checks() {
    let script = repository::text(".ci/run");
    let mut parts: Vec<&str> =
        script.lines().filter_map(|line| line.strip_prefix("run_")?.split_once("()")).map(|(part, _)| part).collect();
    let workflow = repository::yaml(CI);
    let matrix = workflow["jobs"]["parts"]["strategy"]["matrix"]["part"].as_array().unwrap();
    // The image has a job of its own, because it runs on both architectures.
    let mut run: Vec<&str> = matrix.iter().map(|it| it.as_str().unwrap()).chain(["image"]).collect();
    parts.sort_unstable();
    run.sort_unstable();
    assert_eq!(parts, run);
}

/// The second build takes its program from the layers of the first one.
#[test]
fn both_images_are_built_and_tested_on_each_architecture_and_released() {
    let ci = repository::yaml(CI)["jobs"]["image"].take();
    let release = repository::yaml(RELEASE)["jobs"]["image"].take();
    for (name, job) in [(CI, &ci), (RELEASE, &release)] {
        let runs: Vec<&str> = job["steps"].as_array().unwrap().iter().filter_map(|step| step["run"].as_str()).collect();
        let builds: Vec<&str> =
            runs.iter().flat_map(|run| run.lines()).filter(|line| line.contains("docker build ")).collect();
        assert_eq!(builds.len(), 2, "{name}: {builds:?}");
        assert!(builds[1].contains(" -f source-salesforce/Dockerfile "), "{name}: {builds:?}");
        assert!(runs.contains(&".ci/run image"), "{name}");
        let images: Vec<&str> = job["env"]["IMAGES"].as_str().unwrap().split_whitespace().collect();
        for connector in ["destination-salesforce", "source-salesforce"] {
            assert!(job.to_string().contains(connector), "{name}: {connector}");
        }
        assert!(!images.is_empty(), "{name}: the images that the tests take");
    }
    let pushes = release["steps"].as_array().unwrap().iter().filter_map(|step| step["run"].as_str());
    assert_eq!(pushes.flat_map(str::lines).filter(|line| line.trim().starts_with("docker push ")).count(), 2);
}

/// A tag can be moved; a hash names one commit.
#[test]
fn every_action_is_pinned_by_its_hash_and_says_its_version() {
    let mut count = 0;
    for name in [CI, RELEASE] {
        for line in repository::text(name).lines() {
            let Some((_, action)) = line.split_once("uses: ") else { continue };
            let (_, pin) = action.split_once('@').unwrap_or_else(|| panic!("{name}: {line}"));
            let (hash, version) = pin.split_once(" # v").unwrap_or_else(|| panic!("{name}: {line}"));
            assert!(hash.len() == 40 && hash.bytes().all(|it| it.is_ascii_hexdigit()), "{name}: {line}");
            assert_eq!(version.split('.').count(), 3, "{name}: {line}");
            count += 1;
        }
    }
    assert!(count > 8, "{count}");
}

#[test]
fn a_run_of_main_or_of_a_release_is_never_cancelled() {
    let pull_request = json!("${{ github.event_name == 'pull_request' }}");
    assert_eq!(repository::yaml(CI)["concurrency"]["cancel-in-progress"], pull_request);
    // Runs of one group wait for each other, and a third one takes the place of the one that waits. On main each run has
    // its own group.
    let group = repository::yaml(CI)["concurrency"]["group"].as_str().unwrap().to_owned();
    assert!(group.contains("github.event_name == 'pull_request' && github.ref || github.run_id"), "{group}");
    assert_eq!(repository::yaml(RELEASE)["concurrency"]["cancel-in-progress"], false);
}

/// Runs `.ci/release` in a folder with these files.
fn release(folder: &Path, files: &[(&str, &str)], arguments: &[&str]) -> Output {
    fs::create_dir_all(folder.join("source-salesforce")).unwrap();
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
    fs::create_dir_all(folder.join(".ci")).unwrap();
    fs::copy(repository::path(".ci/release"), folder.join(".ci/release")).unwrap();
    Command::new("bash").arg(folder.join(".ci/release")).args(arguments).output().unwrap()
}

const MANIFEST: &str = "[workspace.package]\nversion = \"9.9.9\"\n\n[package]\nname = \"destination-salesforce\"\n\
    version = \"1.2.0\"\nrepository = \"https://git.example.org/acme/loader\"\n\n[dependencies]\nversion = \"3.0.0\"\n";
const METADATA: &str = "data:\n  dockerRepository: acme/destination-salesforce\n";
const METADATA_OF_SOURCE: &str = "data:\n  dockerRepository: acme/source-salesforce\n";
const CHANGELOG: &str =
    "# Changelog\n\n## 1.2.0 (2026-12-01)\n\n### Fixed\n- One.\n\n## 1.1.0 (2026-11-01)\n\n### Added\n- Two.\n";

#[test]
fn a_release_is_made_only_of_a_repository_that_is_ready() {
    let address = "https://git.example.org/acme/loader";
    let ready = [
        ("Cargo.toml", MANIFEST),
        ("metadata.yaml", METADATA),
        ("source-salesforce/metadata.yaml", METADATA_OF_SOURCE),
        ("CHANGELOG.md", CHANGELOG),
    ];
    let folder = tempfile::tempdir().unwrap();
    let output = release(folder.path(), &ready, &["version", "v1.2.0", address]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "1.2.0\n");

    let undated = CHANGELOG.replace("(2026-12-01)", "(not released)");
    let other_section = CHANGELOG.replace("## 1.2.0", "## 1.20.0");
    let invented = METADATA.replace("acme", "example");
    let invented_of_source = METADATA_OF_SOURCE.replace("acme", "example");
    for (file, tag, address, reason) in [
        (None, "v1.2.1", address, "The tag v1.2.1 does not name the version 1.2.0"),
        (None, "1.2.0", address, "does not name the version"),
        (None, "v1.2.0", "https://git.example.org/other/loader", "Write https://git.example.org/other/loader"),
        (Some(("CHANGELOG.md", undated.as_str())), "v1.2.0", address, "not '## 1.2.0 (YYYY-MM-DD)'"),
        (Some(("CHANGELOG.md", other_section.as_str())), "v1.2.0", address, "'## 1.20.0 (2026-12-01)'"),
        (Some(("metadata.yaml", invented.as_str())), "v1.2.0", address, "of metadata.yaml is still 'example'"),
        (
            Some(("source-salesforce/metadata.yaml", invented_of_source.as_str())),
            "v1.2.0",
            address,
            "of source-salesforce/metadata.yaml is still 'example'",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let files: Vec<_> = ready.into_iter().chain(file).collect();
        let output = release(folder.path(), &files, &["version", tag, address]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && stderr.contains(reason), "{tag} {file:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{tag}");
    }
}

#[test]
fn the_notes_of_a_release_are_its_section_of_the_changelog() {
    let folder = tempfile::tempdir().unwrap();
    let notes = |version: &str| {
        let output = release(folder.path(), &[("CHANGELOG.md", CHANGELOG)], &["notes", version]);
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(notes("1.2.0").unwrap().trim(), "### Fixed\n- One.");
    assert_eq!(notes("1.1.0").unwrap().trim(), "### Added\n- Two.");
    assert_eq!(notes("1.0.0"), None);
}
