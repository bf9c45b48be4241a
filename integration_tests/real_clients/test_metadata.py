"""Airbyte's published models read each `metadata.yaml` as its registry does."""

import os
from pathlib import Path

import pytest
import yaml
from airbyte_connector_models.metadata.v0.connector_metadata_definition_v0 import ConnectorMetadataDefinitionV0
from pydantic import ValidationError

REPOSITORY = Path(os.environ["REPOSITORY"])


@pytest.fixture(params=["destination", "source"])
def metadata(request: pytest.FixtureRequest) -> dict:
    folder = REPOSITORY / "source-salesforce" if request.param == "source" else REPOSITORY
    return yaml.safe_load((folder / "metadata.yaml").read_text())


def test_the_registry_accepts_the_metadata(metadata):
    data = ConnectorMetadataDefinitionV0.model_validate(metadata).data
    is_destination = data.connector_type.value == "destination"
    assert is_destination == bool(data.supports_data_activation) == bool(data.supports_refreshes)
    assert data.external_documentation_urls


@pytest.mark.parametrize("broken", [{"unknown": 1}, {"releaseStage": "first"}, {"externalDocumentationUrls": [{}]}])
def test_the_registry_refuses_other_metadata(metadata, broken):
    metadata["data"] |= broken
    with pytest.raises(ValidationError):
        ConnectorMetadataDefinitionV0.model_validate(metadata)


def test_the_metadata_passes_the_further_rules_of_the_registry(metadata):
    """What airbyte-internal-ops 0.132 checks before it publishes, without the language."""
    tags = metadata["data"]["tags"]
    assert all(":" in tag for tag in tags)
    assert len([tag for tag in tags if tag.startswith("language:")]) == 1
    # Neither a release candidate nor a major version, which have rules of their own.
    major, minor, patch = map(int, metadata["data"]["dockerImageTag"].split("."))
    assert (minor, patch) != (0, 0) or major == 0
    assert metadata["data"]["license"].upper() in ("MIT", "ELV2")
