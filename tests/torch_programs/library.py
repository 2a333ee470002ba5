"""Tiny models of the transformers library, where it is installed."""

from __future__ import annotations

import pytest
import torch

from tests.torch_programs.plain import plain

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 32, "max_position_embeddings": 16}


def trained(build, **given):
    """A step of AdamW on a model that computes its own loss."""
    library = pytest.importorskip("transformers")
    torch.manual_seed(0)
    ids = torch.randint(0, 50, (2, 8))
    model = build(library)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    return plain(model, optimizer, lambda: model(input_ids=ids, **(given or {"labels": ids})).loss, clip=1.0)


def gpt2():
    """GPT-2."""
    return trained(
        lambda t: t.GPT2LMHeadModel(t.GPT2Config(vocab_size=50, n_positions=16, n_embd=16, n_layer=2, n_head=2))
    )


def bert():
    """BERT, a classifier."""
    config = {"vocab_size": 50, "num_attention_heads": 2, **SMALL}
    return trained(lambda t: t.BertForSequenceClassification(t.BertConfig(**config)), labels=torch.tensor([0, 1]))


def llama():
    """Llama."""
    config = {"vocab_size": 50, "num_attention_heads": 4, "num_key_value_heads": 2, **SMALL}
    return trained(lambda t: t.LlamaForCausalLM(t.LlamaConfig(**config)))
