import pytest

from mm1.connectors import connectors
from mm1.data import mixes
from mm1.encoders import encoders
from mm1.language import language_models
from mm1.registry import Registry, UnknownName


def test_duplicate_is_an_error():
    registry = Registry("thing", group="none.things")
    registry.register("one", 1)
    with pytest.raises(ValueError, match="'one' is already registered"):
        registry.register("one", 2)


def test_unknown_names_the_known_and_the_closest():
    with pytest.raises(UnknownName) as caught:
        connectors.get("c-abstracter")
    assert caught.value.closest == "c-abstractor"
    assert "average-pool" in str(caught.value)


@pytest.mark.parametrize("registry", [connectors, encoders, language_models, mixes], ids=lambda r: r.kind)
def test_every_registered_target_can_be_imported(registry):
    for name in registry.names():
        assert registry.get(name) is not None


def test_names_are_exact():
    with pytest.raises(UnknownName):
        connectors.get("Average-Pool")
