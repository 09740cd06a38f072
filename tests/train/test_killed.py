"""kill -9 in the middle of a run; the same command again ends in the same weights, bit for bit."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from curate.iteration import Iteration
from train import lora
from train.options import Options

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = Options(rank=4, batch_rows=2, epochs=4, learning_rate=5e-3, dropout=0.1, checkpoint_every=2)
DIES = f"""
import os, signal, sys, torch
from pathlib import Path
from curate import iteration
from train.lora import train
from train.options import Options

torch.set_num_threads({{threads}})
def progress(step, done, total):
    if step == "train" and done == 5:
        os.kill(os.getpid(), signal.SIGKILL)

train(iteration.open(Path(sys.argv[1])), sys.argv[2], {OPTIONS!r}, progress=progress)
"""


@pytest.mark.slow
def test_killed_and_resumed_is_the_same_to_the_last_bit(base: Path, make_iteration: Callable[..., Iteration]) -> None:
    cut = make_iteration(name="cut")
    code = DIES.format(threads=torch.get_num_threads())
    command = [sys.executable, "-c", code, str(cut.path), str(base)]
    died = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=dict(os.environ), timeout=240)
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert not (cut.path / "model").exists()

    said: list[str] = []
    resumed = lora.train(cut, base, OPTIONS, say=said.append)
    assert said[0] == "resumed after step 4 of 12"
    whole = lora.train(make_iteration(name="whole"), base, OPTIONS)
    assert resumed.manifest["losses"] == whole.manifest["losses"]
    for name in ("adapter_model.safetensors", "adapter_config.json", "chat_template.jinja"):
        assert (resumed.path / name).read_bytes() == (whole.path / name).read_bytes()
