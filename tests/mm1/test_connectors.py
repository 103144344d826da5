import pytest
import torch

from mm1.connectors import connectors

NARROW, WIDE, TOKENS = 32, 48, 4
GRIDS = [(4, 4), (3, 4), (2, 5)]


def build(name, grid, depth=1, tokens=TOKENS):
    torch.manual_seed(0)
    return connectors.get(name)(NARROW, WIDE, tokens, grid, depth)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("tokens", [1, 4, 9])
@pytest.mark.parametrize("name", connectors.names())
def test_every_connector_gives_the_asked_number_of_tokens(name, tokens, grid):
    features = torch.randn(3, grid[0] * grid[1], NARROW)
    assert build(name, grid, tokens=tokens)(features, grid).shape == (3, tokens, WIDE)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("name", connectors.names())
def test_gradient_reaches_every_parameter_and_every_patch(name, grid):
    connector = build(name, grid)
    # Norms that start at zero let nothing through to what is before them, until they move.
    with torch.no_grad():
        for parameter in connector.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    features = torch.randn(2, grid[0] * grid[1], NARROW, requires_grad=True)
    connector(features, grid).square().sum().backward()
    untouched = [n for n, p in connector.named_parameters() if p.grad is None or not p.grad.any()]
    assert untouched == []
    assert features.grad.abs().sum(-1).min() > 0


@pytest.mark.parametrize("name", connectors.names())
def test_tokens_start_apart_and_at_the_scale_of_the_features(name):
    features = torch.randn(64, 16, NARROW)
    tokens = build(name, (4, 4))(features, (4, 4))
    assert 0.2 < tokens.std() < 2
    assert tokens.std(1).mean() > 0.25 * tokens.std()  # between the tokens of one image


@pytest.mark.parametrize("name", connectors.names())
def test_images_of_a_batch_do_not_mix(name):
    connector = build(name, (4, 4)).eval()
    features = torch.randn(3, 16, NARROW)
    torch.testing.assert_close(connector(features, (4, 4))[1:2], connector(features[1:2], (4, 4)))


def test_c_abstractor_of_depth_0_is_average_pooling_and_its_mlp():
    connector = build("c-abstractor", (4, 4), depth=0)
    features = torch.randn(3, 16, NARROW)
    plane = (features + connector.position).view(3, 2, 2, 2, 2, NARROW)  # rows and columns in halves
    expected = connector.mlp(plane.mean(dim=(2, 4)).flatten(1, 2))
    torch.testing.assert_close(connector(features, (4, 4)), expected)


def test_c_abstractor_of_any_depth_starts_as_average_pooling_and_its_mlp():
    deep, features = build("c-abstractor", (4, 4), depth=2), torch.randn(3, 16, NARROW)
    shallow = build("c-abstractor", (4, 4), depth=0)
    shallow.load_state_dict(deep.state_dict(), strict=False)
    torch.testing.assert_close(deep(features, (4, 4)), shallow(features, (4, 4)))


def test_average_pooling_keeps_rows_and_columns_apart():
    connector = build("average-pool", (2, 3), tokens=1)
    features = torch.randn(1, 6, NARROW)
    torch.testing.assert_close(connector(features, (2, 3))[0, 0], connector.project(features[0].mean(0)))
    quarters = build("average-pool", (2, 4))
    features = torch.randn(1, 8, NARROW)
    second = features[0, [2, 3]].mean(0)  # top right: row 0, columns 2 and 3
    torch.testing.assert_close(quarters(features, (2, 4))[0, 1], quarters.project(second))
