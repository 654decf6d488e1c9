"""The silhouette, generated: six ellipses of a body on a grid so coarse that nobody is recognised.

Who fell and who lies still look alike, and so do a steady walk and wandering. A bed is as high as a
knee, so bed and floor differ by a few pixels, less the camera's own shake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from muster.workloads.eldercare import SIDE
from muster.workloads.eldercare.residents import choose

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from muster.workloads.eldercare.residents import Floats, Ints, Residents

# Postures by joint: angles of torso, legs and arms in radians, where 0 stands upright or hangs down and π/2 points to
# the side; and the hips' row, counted downwards in pixels.
POSTURES = ("stand", "sit", "arms_up", "bed", "floor", "stooped")
TORSO = (0.0, 0.1, 0.0, 1.57, 1.57, 0.8)
LEGS = (0.0, 0.9, 0.0, 1.57, 1.57, -0.4)
ARMS = (0.25, 0.5, 2.4, 0.3, 0.5, 0.6)
HIP_ROW = (8.0, 9.5, 8.0, 10.0, 13.2, 10.5)

SHARES = {  # of the postures, by class
    "steady": (0.50, 0.42, 0.03, 0.00, 0.00, 0.05),
    "wandering": (0.88, 0.02, 0.05, 0.00, 0.00, 0.05),
    "agitation": (0.25, 0.15, 0.55, 0.00, 0.00, 0.05),
    "resting": (0.00, 0.12, 0.00, 0.84, 0.02, 0.02),
    "lying_still": (0.00, 0.00, 0.00, 0.06, 0.92, 0.02),
    "fall": (0.00, 0.00, 0.02, 0.03, 0.75, 0.20),
}

JOINT_NOISE_RAD = 0.15
SHAKE_PX = 0.7  # of the camera, in either direction

# Ellipses by half length and half breadth in pixels: torso, head, two arms, two legs.
HALF_LENGTH = (2.6, 1.3, 2.2, 2.2, 2.9, 2.9)
HALF_BREADTH = (1.5, 1.2, 0.6, 0.6, 0.8, 0.8)

SOFTNESS = 0.35  # of an edge, in the ellipse's own unit


def draw(rng: np.random.Generator, truth: Ints, people: Residents) -> NDArray[np.float32]:
    """Return images (N, 1, SIDE, SIDE) float32 in [0, 1] for classes (N,)."""
    import numpy as np

    angles, hips = _body(rng, choose(rng, SHARES, truth))
    centres = _centres(angles, hips, people.size)  # (N, 6, 2)
    shape = (np.array(HALF_LENGTH) * people.size[:, None], np.array(HALF_BREADTH) * people.girth[:, None])  # (N, 6)
    filled = _ellipses(centres, angles, *shape)
    speckle = rng.normal(0, 0.06, filled.shape)
    return np.clip(filled + speckle, 0, 1).astype(np.float32)[:, None]


def _body(rng: np.random.Generator, posture: Ints) -> tuple[Floats, Floats]:
    """Return the angles (N, 6) of torso, head, arms and legs, and where the hips are (N, 2) as row and column."""
    import numpy as np

    count = len(posture)
    torso, legs, arms = np.array(TORSO)[posture], np.array(LEGS)[posture], np.array(ARMS)[posture]
    stride = rng.uniform(0.05, 0.4, count)
    angles = np.stack([torso, torso, torso + arms, torso - arms, legs + stride, legs - stride], axis=1)
    angles += rng.normal(0, JOINT_NOISE_RAD, angles.shape)
    angles *= rng.choice([-1.0, 1.0], (count, 1))  # which way it faces
    rows = np.array(HIP_ROW)[posture] + rng.normal(0, SHAKE_PX, count)
    columns = (SIDE - 1) / 2 + rng.normal(0, 1.5 * SHAKE_PX, count)
    return angles, np.stack([rows, columns], axis=1)


def _centres(angles: Floats, hips: Floats, size: Floats) -> Floats:
    """Return the centre (N, 6, 2) of each ellipse: torso up from the hips, then head, arms from the shoulders, legs."""
    import numpy as np

    down = np.stack([np.cos(angles), np.sin(angles)], axis=2) * size[:, None, None]  # (N, 6, 2), unit vectors
    length = np.array(HALF_LENGTH)
    up = -down[:, 0]  # the torso's own way up
    torso = hips + up * length[0]
    shoulders = hips + up * 1.7 * length[0]
    head = hips + up * (2 * length[0] + 0.9 * length[1])
    arms = [shoulders + down[:, limb] * length[limb] for limb in (2, 3)]
    legs = [hips + down[:, limb] * length[limb] for limb in (4, 5)]
    return np.stack([torso, head, *arms, *legs], axis=1)


def _ellipses(
    centres: Floats,
    angles: Floats,
    half_length: Floats,
    half_breadth: Floats,
) -> Floats:
    """Return the union (N, SIDE, SIDE) in [0, 1] of ellipses (N, 6) with soft edges."""
    import numpy as np

    rows, columns = np.mgrid[:SIDE, :SIDE].reshape(2, 1, 1, -1)  # (1, 1, pixels) each
    away_row, away_column = rows - centres[..., :1], columns - centres[..., 1:]  # (N, 6, pixels)
    cos, sin = np.cos(angles)[..., None], np.sin(angles)[..., None]
    along = (away_row * cos + away_column * sin) / half_length[..., None]
    across = (away_column * cos - away_row * sin) / half_breadth[..., None]
    inside = (1 - np.hypot(along, across)) / SOFTNESS
    filled: Floats = 1 / (1 + np.exp(-np.clip(2 * inside, -30, 30)))
    union: Floats = filled.max(axis=1)
    return union.reshape(-1, SIDE, SIDE)
