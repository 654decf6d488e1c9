"""The wearable's accelerometer, generated: gravity, gait, shaking, and impacts that ring down.

Unit is g, time is seconds, axis 0 points up while its wearer stands. Asleep in bed and lying on the
floor are drawn alike, and so are a steady walk and wandering: this is what the other modalities are for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from muster.workloads.eldercare import SAMPLES
from muster.workloads.eldercare.residents import choose

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from muster.workloads.eldercare.residents import Bools, Floats, Ints, Residents

RATE_HZ = 25.0
NOISE_G = 0.02  # of a cheap sensor

# What the body does; `slide` is a fall without a blow, along a wall or out of a bed.
ACTIVITIES = ("still", "walk", "shake", "sit_down", "lie", "lie_down", "fall", "slide")
SHARES = {  # of the activities, by class
    "steady": (0.40, 0.45, 0.03, 0.12, 0.00, 0.00, 0.00, 0.00),
    "wandering": (0.12, 0.83, 0.05, 0.00, 0.00, 0.00, 0.00, 0.00),
    "agitation": (0.05, 0.20, 0.70, 0.05, 0.00, 0.00, 0.00, 0.00),
    "resting": (0.10, 0.00, 0.02, 0.00, 0.75, 0.13, 0.00, 0.00),
    "lying_still": (0.00, 0.00, 0.02, 0.00, 0.93, 0.05, 0.00, 0.00),
    "fall": (0.00, 0.00, 0.00, 0.00, 0.10, 0.00, 0.70, 0.20),
}


def draw(rng: np.random.Generator, truth: Ints, people: Residents) -> NDArray[np.float32]:
    """Return windows (N, 3, SAMPLES) float32 for classes (N,)."""
    import numpy as np

    activity = choose(rng, SHARES, truth)
    time = np.arange(SAMPLES)[None] / RATE_HZ  # (1, T)
    event = rng.uniform(0.5, 1.8, (len(truth), 1))  # when it happens, where something happens
    moving = {name: (activity == ACTIVITIES.index(name))[:, None] for name in ACTIVITIES}  # (N, 1) each

    up = _gravity(rng, moving, time - event, people)  # (N, 3, T), of length 1
    gravity = up * _weight(moving["fall"], time - event)[:, None]
    along = _walk(rng, time, people) * moving["walk"]  # (N, T), along the vertical
    shaken = _shake(rng, time, people) * moving["shake"][:, None]
    struck = _impact(rng, time - event, moving)
    felt: Floats = gravity + up * along[:, None] + shaken + struck + rng.normal(0, NOISE_G, gravity.shape)
    return felt.astype(np.float32)


def _gravity(
    rng: np.random.Generator,
    moving: dict[str, Bools],
    since: Floats,
    people: Residents,
) -> Floats:
    """Return the direction against gravity (N, 3, T): upright, lying, or turning from one to the other."""
    import numpy as np

    count = len(since)
    lying = rng.normal(np.pi / 2, 0.2, (count, 1))
    quick = moving["fall"] * 0.08 + moving["slide"] * 0.25 + moving["lie_down"] * 0.35  # seconds of the turn's slope
    turned = 1 / (1 + np.exp(-np.clip(since / np.maximum(quick, 0.01), -50, 50)))  # (N, T)
    turning = moving["fall"] | moving["slide"] | moving["lie_down"]
    breath = 0.012 * np.sin(2 * np.pi * (0.28 * since + rng.random((count, 1))))  # chests rise, in bed and on the floor
    share = np.where(turning, turned, moving["lie"])  # of the way from upright to lying
    angle = people.tilt_rad[:, None] + lying * share + breath  # (N, T)
    side = rng.uniform(-np.pi, np.pi, (count, 1))
    return np.stack([np.cos(angle), np.sin(angle) * np.cos(side), np.sin(angle) * np.sin(side)], axis=1)


def _weight(falling: Bools, since: Floats) -> Floats:
    """Return the share of gravity that is felt (N, T): less in the third of a second before a fall ends."""
    import numpy as np

    return np.where(falling & (since > -0.3) & (since < 0), 0.45, 1.0)


def _walk(rng: np.random.Generator, time: Floats, people: Residents) -> Floats:
    """Return the vertical acceleration of steps (N, T): a fundamental and its first harmonic."""
    import numpy as np

    count = len(people.gait_hz)
    phase = 2 * np.pi * (people.gait_hz[:, None] * time + rng.random((count, 1)))
    strength = rng.uniform(0.12, 0.30, (count, 1)) * people.vigour[:, None]
    return strength * (np.sin(phase) + 0.4 * np.sin(2 * phase + rng.uniform(0, np.pi, (count, 1))))


def _shake(rng: np.random.Generator, time: Floats, people: Residents) -> Floats:
    """Return shaking in all directions (N, 3, T), quicker than steps and waxing and waning."""
    import numpy as np

    count = len(people.vigour)
    rate = rng.uniform(2.2, 4.5, (count, 1, 1))
    swell = 1 + 0.6 * np.sin(2 * np.pi * (0.5 * time[None] + rng.random((count, 1, 1))))
    strength = rng.uniform(0.08, 0.40, (count, 3, 1)) * people.vigour[:, None, None]
    return strength * swell * np.sin(2 * np.pi * (rate * time[None] + rng.random((count, 3, 1))))


def _impact(rng: np.random.Generator, since: Floats, moving: dict[str, Bools]) -> Floats:
    """Return a blow that rings down (N, 3, T): hard where somebody falls, softer where somebody drops into a chair."""
    import numpy as np

    count = len(since)
    hard = moving["fall"] * rng.uniform(1.2, 3.5, (count, 1)) + moving["sit_down"] * rng.uniform(0.6, 1.6, (count, 1))
    after = np.maximum(since, 0)
    ring = np.exp(-after / 0.12) * np.cos(2 * np.pi * rng.uniform(5, 9, (count, 1)) * after) * (since >= 0)  # (N, T)
    direction = rng.normal(size=(count, 3, 1))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    blow: Floats = direction * (hard * ring)[:, None]
    return blow
