"""BM25, which ranks texts by the words that they share with a query (Robertson and Zaragoza, 2009)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

K1 = 1.5
B = 0.75
"""The weight of repeated words and the penalty for long texts: the usual values."""


def rarity(count: int, total: int) -> float:
    """Return the weight of a word that `count` of `total` texts have; unlike in the original, it is never negative."""
    return math.log((total + 1) / min(count, total)) if count > 0 else 0.0


def bm25(
    query: Sequence[str], texts: Sequence[Sequence[str]], counts: Mapping[str, int] | None = None, total: int = 0
) -> list[float]:
    """Return how well each of `texts` matches the words of `query`.

    `counts` and `total`: how many texts of a larger collection have each word, and how many there are; without them,
    `texts` are the whole collection.
    """
    if counts is None:
        counts, total = Counter(word for text in texts for word in set(text)), len(texts)
    average = sum(map(len, texts)) / len(texts) if texts else 0.0
    weights = {word: rarity(counts.get(word, 0), total) for word in query}
    return [_score(query, text, weights, average) for text in texts]


def _score(query: Sequence[str], text: Sequence[str], weights: Mapping[str, float], average: float) -> float:
    had = Counter(text)
    length = K1 * (1 - B + B * len(text) / average) if average else K1
    return sum(weights[word] * had[word] * (K1 + 1) / (had[word] + length) for word in query if word in had)
