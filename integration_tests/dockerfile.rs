//! The Dockerfiles: every builder can build them, they copy what a build needs, and both images come from one build.
//! The tests of the images build them.

use crate::repository;

const OF_DESTINATION: &str = "Dockerfile";
const OF_SOURCE: &str = "source-salesforce/Dockerfile";

/// The instructions of the Dockerfile, each with its arguments, joined lines included.
fn instructions(dockerfile: &str) -> Vec<(String, String)> {
    let lines = dockerfile.lines().filter(|line| !line.trim_start().starts_with('#'));
    let joined = lines.map(|line| match line.strip_suffix('\\') {
        Some(line) => line.to_owned(),
        None => format!("{line}\n"),
    });
    let joined: String = joined.collect();
    let instructions = joined.lines().filter(|line| !line.trim().is_empty());
    instructions
        .map(|line| {
            let (name, arguments) = line.split_once(' ').unwrap_or((line, ""));
            (name.to_owned(), arguments.trim().to_owned())
        })
        .collect()
}

/// Whether a list such as `.gitignore` or `.dockerignore` leaves a path out. The last line that fits decides.
fn is_left_out(list: &str, path: &str) -> bool {
    let mut left_out = false;
    for line in list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (leaves_out, pattern) = match line.strip_prefix('!') {
            Some(pattern) => (false, pattern),
            None => (true, line),
        };
        let pattern = pattern.trim_start_matches('/');
        let fits = match pattern.strip_suffix('*') {
            Some(folder) => path.starts_with(folder) && path.len() > folder.len(),
            None => path == pattern || path.strip_prefix(pattern).is_some_and(|rest| rest.starts_with('/')),
        };
        if fits {
            left_out = leaves_out;
        }
    }
    left_out
}

/// Whether a clone has a file or a folder, and a build gets it.
fn is_sent(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let place = repository::path(path);
    // A folder is in a clone by its files.
    let file = match place.is_dir() {
        false => path.to_owned(),
        true => {
            let entries = place.read_dir().unwrap();
            let names = entries.map(|entry| format!("{path}/{}", entry.unwrap().file_name().to_string_lossy()));
            match names.into_iter().find(|name| !is_left_out(&repository::text(".gitignore"), name)) {
                Some(name) => name,
                None => return false,
            }
        }
    };
    place.exists()
        && !is_left_out(&repository::text(".gitignore"), &file)
        && !is_left_out(&repository::text(".dockerignore"), &file)
}

/// What the classic builder cannot do. It builds all stages, knows a few options, and has no here-documents.
fn problems(dockerfile: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let directives = dockerfile.lines().take_while(|line| line.starts_with('#'));
    if directives.map(|line| line.trim_start_matches(['#', ' '])).any(|line| line.starts_with("syntax=")) {
        problems.push("a syntax directive".to_owned());
    }
    for (name, arguments) in instructions(dockerfile) {
        let instruction = format!("{name} {arguments}");
        let known =
            ["ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "LABEL", "RUN", "USER", "VOLUME", "WORKDIR"];
        if !known.contains(&name.as_str()) {
            problems.push(format!("an instruction that is not allowed: {instruction}"));
        }
        if ["COPY", "RUN"].contains(&name.as_str()) && arguments.contains("<<") {
            problems.push(format!("a here-document: {instruction}"));
        }
        let words: Vec<&str> = arguments.split_whitespace().collect();
        let (options, words): (Vec<&str>, Vec<&str>) = match words.iter().position(|word| !word.starts_with("--")) {
            Some(first) => (words[..first].to_vec(), words[first..].to_vec()),
            None => (words, Vec::new()),
        };
        let is_known =
            |option: &&str| name == "COPY" && (option.starts_with("--from=") || option.starts_with("--chown="));
        problems.extend(options.iter().filter(|it| !is_known(it)).map(|it| format!("the option {it}: {instruction}")));
        if name == "COPY" && !options.iter().any(|option| option.starts_with("--from=")) {
            let sources = words.split_last().map_or(&[][..], |(_, sources)| sources);
            let missing = sources.iter().filter(|source| !is_sent(source));
            problems.extend(missing.map(|source| format!("a source that a clone does not have: {source}")));
        }
    }
    problems
}

#[test]
fn every_builder_can_build_the_image() {
    for name in [OF_DESTINATION, OF_SOURCE] {
        let dockerfile = repository::text(name);
        assert_eq!(problems(&dockerfile), Vec::<String>::new(), "{name}");
        assert!(instructions(&dockerfile).len() > 20, "{name} was read");
    }
}

/// The second image takes its program from the layers that the first one was built from. A builder compares the text of
/// the instructions, so the comments are the same too.
#[test]
fn both_images_come_from_one_build_and_differ_in_the_name_of_their_program() {
    let [of_destination, of_source] = [OF_DESTINATION, OF_SOURCE].map(repository::text);
    let stages = |text: &str| -> (String, String) {
        let start = text.find("\nARG BINARY=").unwrap();
        let last = text.rfind("\nFROM scratch\n").unwrap();
        (text[start..last].to_owned(), text[last..].to_owned())
    };
    let ((build, last), (build_of_source, last_of_source)) = (stages(&of_destination), stages(&of_source));
    assert_eq!(build, build_of_source);
    assert_eq!(last.replace("destination-salesforce", "source-salesforce"), last_of_source);
    assert_eq!(last.matches("destination-salesforce").count(), 5);
    // One command for both programs: two would compile crates with different features twice.
    let builds: Vec<&str> = build.lines().filter(|line| line.contains("cargo build ")).collect();
    assert_eq!(builds.len(), 2, "the dependencies, and the programs");
    for line in builds {
        assert!(line.contains(" -p destination-salesforce -p source-salesforce"), "{line}");
    }
}

#[test]
fn what_only_some_builders_can_do_is_found() {
    for line in [
        "RUN --mount=type=cache,target=/root/.cargo cargo build",
        "RUN --network=none cargo build",
        "RUN <<EOF\ncargo build\nEOF",
        "COPY --chmod=755 image/sbom /bin/",
        "COPY --link src src",
        "COPY --parents crates/./*/Cargo.toml /source/",
        "COPY --exclude=*.md crates crates",
        "COPY target/image/ /out/",
        "COPY secrets /secrets",
        "COPY README.md /",
        "COPY src/nothing.rs /",
        "ADD https://example.com/archive.tar.gz /",
        "FROM --platform=$BUILDPLATFORM debian:bookworm-slim",
    ] {
        assert!(!problems(line).is_empty(), "{line}");
    }
    assert!(!problems("# syntax=docker/dockerfile:1\nFROM scratch").is_empty());
    for line in
        ["COPY src src", "COPY --from=build /out/ /", "COPY image/prebuilt/ /out/", "RUN cargo build \\\n    --locked"]
    {
        assert_eq!(problems(line), Vec::<String>::new(), "{line}");
    }
}

/// The image's release is also no older than the one that `Cargo.toml` names.
#[test]
fn the_image_uses_the_rust_release_of_the_checks() {
    let release = |name: &str, before: &str| {
        let text = repository::text(name);
        let line = text.lines().find_map(|line| line.trim().strip_prefix(before)).unwrap_or_else(|| panic!("{name}"));
        line.split('-').next().unwrap().to_owned()
    };
    let of_image = release("Dockerfile", "ARG RUST_IMAGE=rust:");
    for workflow in [".github/workflows/ci.yml", ".github/workflows/release.yml"] {
        assert_eq!(of_image, release(workflow, "RUST: "), "{workflow}");
    }
    let numbers = |version: &str| version.split('.').map(|it| it.parse::<u32>().unwrap()).collect::<Vec<_>>();
    assert!(numbers(&of_image) >= numbers(env!("CARGO_PKG_RUST_VERSION")));
}

/// The layer with the dependencies needs the manifest of each member of the workspace.
#[test]
fn the_image_build_copies_every_manifest() {
    let manifest = repository::text("Cargo.toml");
    let (_, members) = manifest.split_once("members = [").unwrap();
    let members: Vec<&str> = members.split(']').next().unwrap().split('"').skip(1).step_by(2).collect();
    assert!(members.contains(&"crates/salesforce"), "{members:?}");
    for member in members {
        let copied = format!("COPY {member}/Cargo.toml {member}/");
        assert!(repository::text("Dockerfile").lines().any(|line| line == copied), "{copied}");
        assert!(is_sent(&format!("{member}/Cargo.toml")), "{member}");
    }
}
