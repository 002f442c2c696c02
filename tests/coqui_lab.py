"""A Coqui model small enough to make in a test: the real network (VITS) with random weights and few channels."""

from __future__ import annotations

from pathlib import Path

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
TEXTS = ["yes."]


def tiny_model(folder: Path) -> Path:
    """Writes ``model.pth`` and ``config.json`` into ``folder`` as training would. Needs coqui-tts."""
    import torch
    from TTS.tts.configs.shared_configs import CharactersConfig
    from TTS.tts.configs.vits_config import VitsConfig
    from TTS.tts.models.vits import Vits, VitsArgs

    torch.manual_seed(1)
    characters = CharactersConfig(
        characters_class="TTS.tts.models.vits.VitsCharacters",
        pad="_", eos="", bos="", blank=" ", characters=LETTERS, punctuations="!'(),-.:;? ", phonemes="",
    )  # fmt: skip
    args = VitsArgs(
        hidden_channels=16, hidden_channels_ffn_text_encoder=32, num_layers_text_encoder=1,
        num_layers_posterior_encoder=1, num_layers_flow=1, upsample_initial_channel_decoder=64,
        init_discriminator=False, use_sdp=False,
    )  # fmt: skip
    config = VitsConfig(model_args=args, characters=characters, use_phonemes=False, text_cleaner="basic_cleaners")
    model = Vits(config)
    config.save_json(str(folder / "config.json"))
    torch.save({"model": model.state_dict()}, folder / "model.pth")
    return folder
