"""Teach the table of word vectors of `tierwise.tools`: `python scripts/words.py --model FOLDER --texts FILE`.

FOLDER holds all-MiniLM-L6-v2 for sentence-transformers; FILE is a JSON list of short texts in random order,
547,710 summaries of published packages for the table that ships. Needs sentence-transformers and
scikit-learn, which nothing else here does. Takes about 20 minutes on two cores.

1. A word has two vectors: where it stands in the texts (positive pointwise mutual information of words that
   share a text, cut to 200 dimensions; Levy and Goldberg 2014) and what the model makes of it alone.
2. A text is the sum of the vectors of its stems, each by how rare the stem is.
3. A ridge regression maps that sum to the model's vector of the whole text, cut to 128 dimensions; it is linear,
   so that it can be carried out on the words, once, and the table holds the result in bytes.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tierwise.tools._words import stem, terms, words

OUTPUT = Path(__file__).parent.parent / "src/tierwise/tools/data/words.npz"
WORDS: Final = 26_000
"""Commonest words of the texts that get a vector, if at least `SEEN` texts have them."""
SEEN: Final = 8
PLACES: Final = 200
KEPT: Final = 128
RIDGE: Final = 0.3
COUNTED: Final = 60_000
"""Texts that tell how rare a stem is."""

Matrix = NDArray[np.float32]


def unit(rows: Matrix) -> Matrix:
    """Rows of length one."""
    return np.asarray(rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9), dtype=np.float32)


def placed(texts: Sequence[str]) -> tuple[dict[str, int], Matrix]:
    """Words with the number of texts that have them, and a vector each by the company they keep."""
    from scipy.sparse import csr_matrix
    from sklearn.utils.extmath import randomized_svd

    cut = [set(words(text)) for text in texts]
    seen = Counter(word for text in cut for word in text)
    common = {w: n for w, n in seen.most_common(WORDS) if n >= SEEN and w.isascii() and len(w) > 1}
    at = {word: place for place, word in enumerate(common)}
    columns = [[at[word] for word in text if word in at] for text in cut]
    ends = np.cumsum([0, *map(len, columns)])
    flat = np.fromiter((c for row in columns for c in row), dtype=np.int64)
    held = csr_matrix((np.ones(len(flat), np.float32), flat, ends), shape=(len(texts), len(at)))
    both = (held.T @ held).tolil()
    both.setdiag(0)
    both = both.tocoo()
    single = np.asarray(both.sum(axis=1)).ravel()
    smooth = single**0.75
    surprise = np.log(
        np.maximum(both.data, 1e-9) * smooth.sum() / (single[both.row] * smooth[both.col] + 1e-9)
    )
    kept = (surprise > 0) & (both.data >= 2)
    table = csr_matrix(
        (surprise[kept].astype(np.float32), (both.row[kept], both.col[kept])), shape=both.shape
    )
    left, sizes, _ = randomized_svd(table, min(PLACES, len(at) - 1), n_iter=3, random_state=0)
    vectors = (left * np.sqrt(sizes)).astype(np.float32)
    return common, unit(vectors - vectors.mean(axis=0))


def alone(model: Any) -> Matrix:
    """What the model makes of each token of its vocabulary between its two marks."""
    import torch

    inner, size = model[0].auto_model, model.tokenizer.vocab_size
    start, end = model.tokenizer.cls_token_id, model.tokenizer.sep_token_id
    rows = []
    with torch.no_grad():
        for first in range(0, size, 512):
            ids = torch.arange(first, min(size, first + 512))
            marked = torch.stack([torch.full_like(ids, start), ids, torch.full_like(ids, end)], dim=1)
            out = inner(input_ids=marked, attention_mask=torch.ones_like(marked))
            rows.append(out.last_hidden_state.mean(dim=1).numpy())
    found = np.concatenate(rows)
    return unit(found - found.mean(axis=0))


def stems(model: Any, seen: dict[str, int], places: Matrix) -> tuple[list[str], Matrix]:
    """Stems of all known words, and for each its two vectors side by side."""
    tokens = alone(model)
    at = {word: place for place, word in enumerate(seen)}
    own = sorted(
        w for w in model.tokenizer.get_vocab() if w.isascii() and w.isalpha() and len(w) > 2 and w not in at
    )
    kinds: dict[str, list[tuple[str, int]]] = {}
    for word, count in [*seen.items(), *((word, 2) for word in own)]:
        for root in terms(word)[:1]:
            kinds.setdefault(root if len(words(word)) == 1 else stem(word), []).append((word, count))
    company = np.zeros((len(kinds), places.shape[1]), np.float32)
    sense = np.zeros((len(kinds), tokens.shape[1]), np.float32)
    for row, members in enumerate(kinds.values()):
        for word, count in members:
            if word in at:
                company[row] += count**0.5 * places[at[word]]
            pieces = model.tokenizer.encode(word, add_special_tokens=False)
            # A word in pieces is known less well.
            sense[row] += count**0.5 * tokens[pieces].mean(axis=0) * (1 if len(pieces) == 1 else 0.6)
    return list(kinds), np.concatenate([unit(company), unit(sense)], axis=1)


def summed(texts: Sequence[str], at: dict[str, int], rows: Matrix) -> Matrix:
    """A vector of length one for each text."""
    found = np.zeros((len(texts), rows.shape[1]), np.float32)
    for place, text in enumerate(texts):
        known = [at[root] for root in dict.fromkeys(terms(text)) if root in at]
        found[place] = rows[known].sum(axis=0)
    return unit(found)


def taught(model: Any, texts: Sequence[str], roots: list[str], rows: Matrix, lessons: int) -> Matrix:
    """Rows that add up to what the model says of a text."""
    at = {root: place for place, root in enumerate(roots)}
    holders = Counter(root for text in texts[:COUNTED] for root in set(terms(text)))
    counted = min(COUNTED, len(texts))
    rare = np.array([min(np.log(counted / (holders[root] + 1)), 9) / 9 for root in roots], np.float32)
    rows = rows * rare[:, None]
    model.max_seq_length = 48
    target = model.encode(list(texts[:lessons]), batch_size=128, normalize_embeddings=True)
    target = target - 0.7 * target.mean(axis=0)
    _, _, axes = np.linalg.svd(target[::2], full_matrices=False)
    given = summed(texts[:lessons], at, rows)
    square = given.T @ given + RIDGE * np.eye(given.shape[1])
    return np.asarray(rows @ np.linalg.solve(square, given.T @ (target @ axes[:KEPT].T)), dtype=np.float32)


def pack(roots: list[str], rows: Matrix, output: Path) -> None:
    """Bytes with a scale for each row, stems in order."""
    order = sorted((at for at, root in enumerate(roots) if 1 < len(root) <= 24), key=lambda at: roots[at])
    scales = np.abs(rows[order]).max(axis=1) / 127
    whole = np.round(rows[order] / np.maximum(scales, 1e-9)[:, None]).astype(np.int8)
    names = np.frombuffer("\n".join(roots[at] for at in order).encode(), dtype=np.uint8)
    np.savez_compressed(output, stems=names, rows=whole, scales=scales.astype(np.float32))


def main() -> None:
    """Reads, teaches, writes."""
    from sentence_transformers import SentenceTransformer

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--lessons", type=int, default=16_000)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    texts = json.loads(options.texts.read_text("utf-8"))
    model = SentenceTransformer(options.model, device="cpu")
    seen, places = placed(texts[:500_000])
    roots, rows = stems(model, seen, places)
    pack(roots, taught(model, texts, roots, rows, options.lessons), options.output)
    print(f"{options.output}: {len(roots):,} stems")


if __name__ == "__main__":
    main()
