"""Times the authors' code (github.com/kuleshov-group/bd3lms) on the CPU, to be compared with bdlm.

    python bd3lms.py write DIR                 # a checkpoint of the published shape, random weights
    python bd3lms.py time CODE DIR [options]   # JSON on stdout
    bdlm bench --model DIR --measure passes,likelihood --block-size 4,16 --context 0,512,1008 \\
        --format json                          # the same work, JSON on stdout
    python bd3lms.py compare --theirs THEIRS.json .. --ours OURS.json ..

Runs of the two in turn even out what else the machine does; compare takes the medians of all.

CODE is a clone of the authors' repository; it stays as it is: what is said there of 'cuda' is said
here of the CPU, and what needs a trainer, a tokenizer or a data set is left out. Needs torch,
safetensors, and what the authors' diffusion.py imports: einops, huggingface_hub, hydra-core,
lightning, omegaconf, datasets, torchmetrics, transformers, timm, requests.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import torch

SHAPE = {
    "model_type": "bd3lm", "block_size": 16, "vocab_size": 50258, "model_length": 1024,
    "hidden_dim": 768, "cond_dim": 128, "n_blocks": 12, "n_heads": 12,
    "cross_attn": True, "causal": False, "bos_token_id": 50256, "eos_token_id": 50256,
}  # fmt: skip


def authors_config(block_size: int):
    """The authors' `algo=bd3lm model=small`, as far as sampling and likelihoods read it."""
    import omegaconf

    return omegaconf.OmegaConf.create({
        "block_size": block_size,
        "model": {
            "length": SHAPE["model_length"], "hidden_size": SHAPE["hidden_dim"],
            "cond_dim": SHAPE["cond_dim"], "n_blocks": SHAPE["n_blocks"],
            "n_heads": SHAPE["n_heads"], "dropout": 0.1, "tie_word_embeddings": False,
            "attn_backend": "sdpa",
        },
        "algo": {"name": "bd3lm", "parameterization": "subs", "cross_attn": True},
        "loader": {"eval_batch_size": 1},
        "sampling": {"kv_cache": True, "first_hitting": True, "nucleus_p": 1.0},
        "training": {"resample": False, "antithetic_sampling": True},
        "noise": {"type": "loglinear"},
    })  # fmt: skip


def write(folder: Path) -> None:
    """Writes a checkpoint in the published format: matrices of size 0.02, norms 1, biases 0."""
    from safetensors.torch import save_file

    torch.manual_seed(1)
    c, cond, vocab = SHAPE["hidden_dim"], SHAPE["cond_dim"], SHAPE["vocab_size"]
    matrix = lambda *shape: 0.02 * torch.randn(*shape)  # noqa: E731
    tensors = {
        "vocab_embed.embedding": matrix(vocab, c),
        "sigma_map.mlp.0.weight": matrix(cond, 256), "sigma_map.mlp.0.bias": torch.zeros(cond),
        "sigma_map.mlp.2.weight": matrix(cond, cond), "sigma_map.mlp.2.bias": torch.zeros(cond),
        "output_layer.norm_final.weight": torch.ones(c),
        "output_layer.linear.weight": matrix(vocab, c), "output_layer.linear.bias": torch.zeros(vocab),
        "output_layer.adaLN_modulation.weight": matrix(2 * c, cond),
        "output_layer.adaLN_modulation.bias": torch.zeros(2 * c),
    }  # fmt: skip
    for i in range(SHAPE["n_blocks"]):
        layer = {
            "norm1.weight": torch.ones(c), "norm2.weight": torch.ones(c),
            "attn_qkv.weight": matrix(3 * c, c), "attn_out.weight": matrix(c, c),
            "mlp.0.weight": matrix(4 * c, c), "mlp.0.bias": torch.zeros(4 * c),
            "mlp.2.weight": matrix(c, 4 * c), "mlp.2.bias": torch.zeros(c),
            # Gates of 1: without them a layer would do nothing.
            "adaLN_modulation.weight": matrix(6 * c, cond), "adaLN_modulation.bias": torch.ones(6 * c),
        }  # fmt: skip
        tensors |= {f"blocks.{i}.{name}": tensor for name, tensor in layer.items()}
    folder.mkdir(parents=True, exist_ok=True)
    save_file({f"backbone.{name}": t for name, t in tensors.items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(SHAPE, indent=2))


def authors_model(code: Path, folder: Path, block_size: int):
    """The authors' `Diffusion` with this checkpoint, without trainer, tokenizer and metrics."""
    sys.path.insert(0, str(code))
    import diffusion
    import models.dit
    import noise_schedule
    from safetensors.torch import load_file

    class Model(diffusion.Diffusion):
        def __init__(self, config):
            diffusion.L.LightningModule.__init__(self)
            self.config, self.block_size = config, block_size
            self.vocab_size, self.mask_index = SHAPE["vocab_size"], SHAPE["vocab_size"] - 1
            self.parameterization, self.cross_attn = "subs", True
            self.time_conditioning, self.mdlm_loss_scale, self.ignore_bos = False, False, True
            self.antithetic_sampling, self.neg_infinity = True, -1000000.0
            self.num_tokens = config.model.length
            self.backbone = models.dit.DIT(config, vocab_size=self.vocab_size)
            self.noise = noise_schedule.get_noise(config)

    model = Model(authors_config(block_size)).eval()
    tensors = load_file(folder / "model.safetensors")
    tensors = {name.removeprefix("backbone."): tensor for name, tensor in tensors.items()}
    missing, unexpected = model.backbone.load_state_dict(tensors, strict=False)
    if set(missing) - {"rotary_emb.inv_freq"} or unexpected:
        sys.exit(f"the checkpoint does not fit: {missing} missing, {unexpected} unexpected")
    return model


def milliseconds(times: list[float]) -> dict:
    ms = sorted(1e3 * t for t in times)
    return {"median": statistics.median(ms), "min": ms[0], "max": ms[-1]}


@torch.no_grad()
def time_sampling(model, context: int, passes: int) -> dict:
    """`_ddpm_caching_update` for a wholly masked block after `context` cached positions."""
    size = model.block_size
    for layer in model.backbone.blocks:  # as reset_kv_cache, whose device is 'cuda'
        layer.kv_cache = 0.1 * torch.randn(1, 1024, 3 * SHAPE["hidden_dim"])
    x = torch.full((1, size), model.mask_index)
    t, times = torch.ones(1, 1), []
    for _ in range(passes + 1):
        for layer in model.backbone.blocks:
            layer.cache_idx = context // size * size
        begun = time.perf_counter()
        model._ddpm_caching_update(x=x, t=0.5 * t, dt=1 / 1000)
        times.append(time.perf_counter() - begun)
    return milliseconds(times[1:])


@torch.no_grad()
def time_likelihood(model, draws: int) -> dict:
    """`_loss` of one sequence, a pass over [x_t ; x_0] for each draw."""
    for layer in model.backbone.blocks:
        layer.kv_cache = None
    ids = torch.randint(0, model.mask_index, (1, SHAPE["model_length"]))
    times = []
    for _ in range(draws + 1):
        begun = time.perf_counter()
        model._loss(ids, torch.ones_like(ids), sampling_eps_min=1e-3, sampling_eps_max=1.0)
        times.append(time.perf_counter() - begun)
    return {"block_size": model.block_size, "ms": milliseconds(times[1:])}


def compare(theirs: list[dict], ours: list[dict]) -> None:
    """Prints medians of several runs side by side."""

    def row(what: str, slow: list[float], fast: list[float]) -> None:
        slow, fast = statistics.median(slow), statistics.median(fast)
        print(f"{what:<34}{slow:>12.1f}{fast:>12.1f}{slow / fast:>15.2f}")

    print(f"{'ms':<34}{'authors':>12}{'bdlm':>12}{'times faster':>15}")
    for case in theirs[0]["sampling"]:
        same = lambda other: all(other[k] == case[k] for k in ("block_size", "context"))  # noqa: B023, E731
        slow = [c["ms"]["median"] for run in theirs for c in run["sampling"] if same(c)]
        fast = [c["pass_ms"]["median"] for run in ours for c in run.get("passes", []) if same(c)]
        if fast:
            row(f"pass, block {case['block_size']}, context {case['context']}", slow, fast)
    for case in theirs[0]["likelihoods"]:
        size = case["block_size"]

        def pick(runs: list[dict]) -> list[dict]:
            found = [case for run in runs for case in run.get("likelihoods", [])]
            return [case for case in found if case["block_size"] == size]  # noqa: B023

        fast, slow = pick(ours), [c["ms"]["median"] for c in pick(theirs)]
        if fast:
            draws = fast[0]["draws"]
            what = f"likelihood of 1024, block {size}, {draws} draws"
            row(what, [draws * ms for ms in slow], [1e3 * case["secs"] for case in fast])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("write").add_argument("folder", type=Path)
    compared = commands.add_parser("compare")
    compared.add_argument("--theirs", type=Path, nargs="+", required=True)
    compared.add_argument("--ours", type=Path, nargs="+", required=True)
    timed = commands.add_parser("time")
    timed.add_argument("code", type=Path)
    timed.add_argument("folder", type=Path)
    timed.add_argument("--block-size", type=int, nargs="+", default=[4, 16])
    timed.add_argument("--context", type=int, nargs="+", default=[0, 512, 1008])
    timed.add_argument("--passes", type=int, default=20)
    timed.add_argument("--draws", type=int, default=2)
    args = parser.parse_args()
    if args.command == "write":
        return write(args.folder)
    if args.command == "compare":
        read = lambda paths: [json.loads(path.read_text()) for path in paths]  # noqa: E731
        return compare(read(args.theirs), read(args.ours))
    found = {"torch": torch.__version__, "threads": torch.get_num_threads()}
    found |= {"sampling": [], "likelihoods": []}
    for block_size in args.block_size:
        model = authors_model(args.code, args.folder, block_size)
        for context in args.context:
            ms = time_sampling(model, context, args.passes)
            found["sampling"].append({"block_size": block_size, "context": context, "ms": ms})
        if args.draws:
            found["likelihoods"].append(time_likelihood(model, args.draws))
    json.dump(found, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
