"""Lower layers that come to rest before upper ones.

Lower layers settle first in training (Raghu et al. 2017), so they can be frozen before it ends
(FreezeOut: Brock et al. 2017). Here embeddings and the lower two thirds of the layers rest after a
share of the updates: no gradient is computed for them any more, which saves 4/9 of the arithmetic
of each update.
"""

from __future__ import annotations

from torch import nn

from trainer.core.errors import ConfigError

_LOWER_SHARE = 2 / 3


class LowerLayers:
    """The lower part of an encoder, put to rest before the end.

    Args:
        encoder: Holds its layers in one list, as BERT and its kin do.
        until: Share of the updates in which they learn; 1 leaves everything as it is.

    Attributes:
        until: The same.
        parameters: Those that come to rest; empty when until is 1.

    Raises:
        ConfigError: The encoder has no list of layers.
    """

    def __init__(self, encoder: nn.Module, until: float) -> None:
        self.until = until
        self.parameters: list[nn.Parameter] = []
        if until < 1:
            upper = {id(parameter) for layer in _upper_layers(encoder) for parameter in layer.parameters()}
            self.parameters = [p for p in encoder.parameters() if p.requires_grad and id(p) not in upper]

    def turn(self, done: float) -> None:
        """Learn or rest in the update before which this share of all updates is done."""
        for parameter in self.parameters:
            parameter.requires_grad_(done < self.until)

    def wake(self) -> None:
        """Let them learn again."""
        self.turn(0.0)


def _upper_layers(encoder: nn.Module) -> list[nn.Module]:
    lists = [list(module) for module in encoder.modules() if isinstance(module, nn.ModuleList)]
    if not lists:
        raise ConfigError(
            "this encoder has no list of layers", record="training.lower_layers_until", remedy="set it to 1"
        )
    layers = max(lists, key=len)
    return layers[int(len(layers) * _LOWER_SHARE) :]
