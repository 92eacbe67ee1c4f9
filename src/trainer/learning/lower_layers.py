"""Lower layers that learn less often than upper ones.

Fine-tuning moves an encoder's upper layers most (Howard and Ruder 2018 give lower layers a
smaller rate for that reason; Lee et al. 2019 freeze them). Here embeddings and the lower two
thirds of the layers take part in every n-th update only; in between no gradient is computed for
them, which saves up to ``(1 - 1/n) * 4/9`` of the arithmetic. Each of their updates stands for n:
`trainer.learning.optimiser.group_parameters` gives them n times the rate, and moments that forget
as fast by the data seen, without which they would learn at half speed.
"""

from __future__ import annotations

from torch import nn

from trainer.core.errors import ConfigError

_LOWER_SHARE = 2 / 3


class LowerLayers:
    """The lower part of an encoder, switched on and off.

    Args:
        encoder: Holds its layers in one list, as BERT and its kin do.
        every: They learn in every n-th update; 1 leaves everything as it is.

    Attributes:
        every: The same.
        parameters: Those that learn seldom; empty when every is 1.

    Raises:
        ConfigError: The encoder has no list of layers.
    """

    def __init__(self, encoder: nn.Module, every: int) -> None:
        self.every = every
        self.parameters: list[nn.Parameter] = []
        if every > 1:
            upper = {id(parameter) for layer in _upper_layers(encoder) for parameter in layer.parameters()}
            self.parameters = [p for p in encoder.parameters() if p.requires_grad and id(p) not in upper]

    def turn(self, update: int) -> None:
        """Switch for the update of that number, the first being 0."""
        learns = update % self.every == 0
        for parameter in self.parameters:
            parameter.requires_grad_(learns)


def _upper_layers(encoder: nn.Module) -> list[nn.Module]:
    lists = [list(module) for module in encoder.modules() if isinstance(module, nn.ModuleList)]
    if not lists:
        raise ConfigError(
            "this encoder has no list of layers", record="training.lower_layers_every", remedy="set it to 1"
        )
    layers = max(lists, key=len)
    return layers[int(len(layers) * _LOWER_SHARE) :]
