"""The one UNet of the released models that diffusers has no words for: so many heads at every level."""

from typing import Any

from diffusers import UNet2DModel
from diffusers.configuration_utils import register_to_config
from diffusers.models.attention_processor import Attention


class HeadsUNet2DModel(UNet2DModel):
    """A ``UNet2DModel`` with ``num_heads`` heads in every attention, the middle one included.

    ``UNet2DModel`` fixes the channels of a head, so a wider level has more heads. The released churches, inpainting
    and semantic models fix the number of heads. Weights have the same names and shapes either way.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, num_heads: int | None = None, **kwargs: Any) -> None:
        """``num_heads``: None leaves the heads to ``attention_head_dim``. ``kwargs``: as for ``UNet2DModel``."""
        super().__init__(**kwargs)
        if num_heads is None:
            return
        for attention in (module for module in self.modules() if isinstance(module, Attention)):
            head_channels, rest = divmod(attention.inner_dim, num_heads)
            if rest:
                raise ValueError(
                    f"num_heads ({num_heads}) does not divide the {attention.inner_dim} channels of a level"
                )
            attention.heads = attention.sliceable_head_dim = num_heads
            attention.scale = head_channels**-0.5

    @staticmethod
    def _get_init_keys(input_class: type) -> set[str]:
        """What ``from_pretrained`` hands to the constructor: it reads signatures, which ``kwargs`` would hide."""
        keys: set[str] = UNet2DModel._get_init_keys(input_class)
        return keys | UNet2DModel._get_init_keys(UNet2DModel)
