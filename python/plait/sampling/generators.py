"""Counter-based random bits: every word is a pure function of a key.

Each function takes Python integers or uint64 arrays of 32-bit values, and
computes modulo 2**32.
"""

_MASK = 0xFFFFFFFF


def philox(counter, key) -> list:
    """Philox4x32-10: four words of counter and two of key, to four words.

    J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11.
    """
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(10):
        a, b = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (b >> 32) ^ c1 ^ k0, b & _MASK, (a >> 32) ^ c3 ^ k1, a & _MASK
        k0, k1 = (k0 + 0x9E3779B9) & _MASK, (k1 + 0xBB67AE85) & _MASK
    return [c0, c1, c2, c3]


def threefry(counter, key) -> list:
    """Threefry2x32-20: two words of counter and two of key, to two words.

    The generator of ``jax.random``; the same paper.
    """
    keys = [*key, key[0] ^ key[1] ^ 0x1BD11BDA]
    x, y = (counter[0] + keys[0]) & _MASK, (counter[1] + keys[1]) & _MASK
    for step in range(20):
        rotation = (13, 15, 26, 6, 17, 29, 16, 24)[step % 8]
        x = (x + y) & _MASK
        y = _rotate(y, rotation) ^ x
        if step % 4 == 3:
            n = step // 4 + 1
            x = (x + keys[n % 3]) & _MASK
            y = (y + keys[(n + 1) % 3] + n) & _MASK
    return [x, y]


def murmur3(seed: int, position: int, token):
    """MurmurHash3_x86_32 of the words (seed low, seed high, position, token).

    The noise of vLLM's GPU runner and of SGLang's deterministic mode. Both
    end with the length 16 in bytes, as the published algorithm does.
    """
    h = 0
    for word in (seed & _MASK, seed >> 32, position & _MASK, token):
        word = _rotate(word * 0xCC9E2D51 & _MASK, 15) * 0x1B873593 & _MASK
        h = (_rotate(h ^ word, 13) * 5 + 0xE6546B64) & _MASK
    h = h ^ 16
    h = (h ^ h >> 16) * 0x85EBCA6B & _MASK
    h = (h ^ h >> 13) * 0xC2B2AE35 & _MASK
    return h ^ h >> 16


def _rotate(word, by: int):
    return (word << by | word >> 32 - by) & _MASK
