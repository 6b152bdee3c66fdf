# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers of the FaceMesh landmarks along eyes, brows, lips, nose and face outline.

Numbering: MediaPipe's canonical face model (468 landmarks on the skin, 10 more on the irises).
Right and left are the subject's. Rings of an eye begin at its outer corner, run along the upper
lid to the inner corner and back along the lower one; rings of the lips begin at the subject's
right corner, which is at image left, and run along the lower lip first.
"""

from __future__ import annotations

SKIN_LANDMARKS = 468
OUTER_EYE_CORNERS = [33, 263]
INNER_EYE_CORNERS = [133, 362]

RIGHT_EYE = [33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7]
LEFT_EYE = [263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249]
EYES = (RIGHT_EYE, LEFT_EYE)
# The skin next to the lids, point by point as in EYES.
AROUND_EYES = (
    [130, 247, 30, 29, 27, 28, 56, 190, 243, 112, 26, 22, 23, 24, 110, 25],
    [359, 467, 260, 259, 257, 258, 286, 414, 463, 341, 256, 252, 253, 254, 339, 255],
)
# Refined landmarks: each iris' centre, and four points on its border.
IRIS_CENTER = {"right": 468, "left": 473}
IRIS_RING = {"right": [469, 470, 471, 472], "left": [474, 475, 476, 477]}

IRISES = tuple([IRIS_CENTER[side], *IRIS_RING[side]] for side in ("right", "left"))

# Upper edge from the temple to the nose, then lower edge from the nose to the temple.
RIGHT_BROW = [70, 63, 105, 66, 107, 55, 65, 52, 53, 46]
LEFT_BROW = [300, 293, 334, 296, 336, 285, 295, 282, 283, 276]
BROWS = (RIGHT_BROW, LEFT_BROW)
# Lower edges from the temple to the nose.
BROW_LOWER_EDGE = {"right": RIGHT_BROW[:4:-1], "left": LEFT_BROW[:4:-1]}

# From the inner contour, between the lips, to the outer one, between lips and skin.
LIP_RINGS = (
    [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191],
    [62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 407, 272, 271, 268, 12, 38, 41, 42, 183],
    [76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306, 408, 304, 303, 302, 11, 72, 73, 74, 184],
    [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185],
)
# The same contours, upper lip first.
LIPS_INNER = [LIP_RINGS[0][0], *LIP_RINGS[0][:0:-1]]
LIPS_OUTER = [LIP_RINGS[3][0], *LIP_RINGS[3][:0:-1]]
LOWER_LIP_OUTER = LIP_RINGS[3][:11]  # corner to corner

NOSE_RIDGE = [168, 6, 197, 195]  # from between the eyes downward
FACE_OVAL = [
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
]

# The 68 points of 300-W (Sagonas et al. 2013), in their order: jaw, brows, nose, eyes, lips.
JAW_68 = (127, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 356)
LIPS_68 = (
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),  # outer contour
    *(78, 82, 13, 312, 308, 317, 14, 87),  # inner contour
)
LANDMARKS_68 = (
    *JAW_68,
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),
    *(168, 197, 5, 4, 75, 97, 2, 326, 305),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *LIPS_68,
)
