"""Times a step of training in PyTorch on the CPU, to be compared with bdlm.

    python train.py [--shape tiny] [--sequences 4] [--runs 5]         # JSON on stdout
    bdlm bench --random tiny --measure train --sequences 4 --format json

The same network as bdlm's: a DiT with adaLN over [x_t ; x_0], rotary positions, the block mask of BD3-LM
as a table for `scaled_dot_product_attention`, f32, logits of masked tokens only, and the gradients of all
parameters. Runs of the two in turn even out what else the machine does. Needs torch alone.
"""

import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F

SHAPES = {
    "tiny": {"layers": 8, "channels": 256, "heads": 8, "cond": 128, "vocabulary": 50_258, "length": 256, "block": 16},
    "small": {"layers": 12, "channels": 768, "heads": 12, "cond": 128, "vocabulary": 50_258, "length": 256, "block": 16},
}  # fmt: skip


def rotary(length: int, width: int):
    angles = torch.arange(length)[:, None] / 10_000 ** (torch.arange(0, width, 2) / width)
    angles = torch.cat([angles, angles], -1).repeat(2, 1)
    return angles.cos(), angles.sin()


def rotated(x, cos, sin):
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin


class Layer(torch.nn.Module):
    def __init__(self, c: int, heads: int, cond: int):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = (torch.nn.LayerNorm(c, bias=False) for _ in range(2))
        self.qkv = torch.nn.Linear(c, 3 * c, bias=False)
        self.out = torch.nn.Linear(c, c, bias=False)
        self.up, self.down = torch.nn.Linear(c, 4 * c), torch.nn.Linear(4 * c, c)
        self.modulation = torch.nn.Linear(cond, 6 * c)

    def forward(self, x, condition, mask, cos, sin):
        b, n, c = x.shape
        shift1, scale1, gate1, shift2, scale2, gate2 = self.modulation(condition).chunk(6, -1)
        y = self.norm1(x) * (1 + scale1) + shift1
        q, k, v = self.qkv(y).view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(rotated(q, cos, sin), rotated(k, cos, sin), v, mask)
        x = x + gate1 * self.out(attended.transpose(1, 2).reshape(b, n, c))
        y = self.norm2(x) * (1 + scale2) + shift2
        return x + gate2 * self.down(F.gelu(self.up(y), approximate="tanh"))


class Network(torch.nn.Module):
    def __init__(self, layers, channels, heads, cond, vocabulary, length, block):
        super().__init__()
        self.embedding = torch.nn.Embedding(vocabulary, channels)
        self.layers = torch.nn.ModuleList(Layer(channels, heads, cond) for _ in range(layers))
        self.norm = torch.nn.LayerNorm(channels, bias=False)
        self.modulation = torch.nn.Linear(cond, 2 * channels)
        self.head = torch.nn.Linear(channels, vocabulary)
        self.condition = torch.nn.Parameter(torch.randn(cond))
        self.cos, self.sin = rotary(length, channels // heads)
        of = torch.arange(length) // block
        noised, clean = of[:, None] == of[None], of[:, None] >= of[None]
        before = of[:, None] > of[None]
        self.mask = torch.cat([torch.cat([noised, before], 1), torch.cat([torch.zeros_like(clean), clean], 1)])

    def loss(self, noisy, clean, masked):
        x = self.embedding(torch.cat([noisy, clean], 1))
        condition = F.silu(self.condition)
        for layer in self.layers:
            x = layer(x, condition, self.mask, self.cos, self.sin)
        shift, scale = self.modulation(condition).chunk(2, -1)
        x = x[:, : noisy.shape[1]][masked]
        return F.cross_entropy(self.head(self.norm(x) * (1 + scale) + shift), clean[masked])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="tiny")
    parser.add_argument("--sequences", type=int, default=4)
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    torch.manual_seed(1)
    shape = SHAPES[args.shape]
    network, length = Network(**shape), shape["length"]
    clean = torch.randint(shape["vocabulary"] - 1, (args.sequences, length))
    masked = (torch.arange(length) % 2 == 0).expand_as(clean)
    noisy = clean.masked_fill(masked, shape["vocabulary"] - 1)
    forward, both = [], []
    for run in range(args.runs + 1):
        begun = time.perf_counter()
        loss = network.loss(noisy, clean, masked)
        middle = time.perf_counter()
        loss.backward()
        ended = time.perf_counter()
        network.zero_grad(set_to_none=True)
        if run:
            forward.append(1e3 * (middle - begun))
            both.append(1e3 * (ended - begun))
    median = statistics.median
    print(json.dumps({
        "torch": torch.__version__, "threads": torch.get_num_threads(), "shape": args.shape,
        "sequences": args.sequences, "forward_ms": median(forward), "both_ms": median(both),
        "tokens_per_sec": args.sequences * length * 1e3 / median(both),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
