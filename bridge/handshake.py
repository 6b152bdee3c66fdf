# SPDX-License-Identifier: GPL-3.0-or-later
"""Mutual proof that both ends know the secret, which itself never travels.

The server speaks first with a fresh nonce; the client answers with its own nonce and an
HMAC-SHA256 over both; the server proves itself in return. The two proofs differ by a label, so
neither can be sent back as the other, and both cover the protocol version.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time

from .errors import BackendLost, ProtocolError, SecretRefused, UsageError, VersionMismatch
from .wire import BEFORE_PROOF, TO_CLIENT, VERSION, Channel, Header, Kind, Message, version_mismatch
from .wire import raise_error as raise_told

NONCE_BYTES = 32
SHORTEST_SECRET = 16
SERVER_PATIENCE = 5.0
"""Seconds that a client has for its proof."""


def new_secret() -> str:
    """Return a fresh secret of 256 bits as text."""
    return secrets.token_hex(32)


def check_secret(secret: str) -> str:
    """Return the secret without the white space around it, or raise UsageError."""
    secret = secret.strip()
    if len(secret) < SHORTEST_SECRET:
        raise UsageError(f"the secret is too short: {SHORTEST_SECRET} signs are the least")
    return secret


def proof(secret: str, role: str, own_nonce: bytes, other_nonce: bytes) -> str:
    """Return the proof of one end.

    Parameters
    ----------
    secret : str
        Known to both ends.
    role : str
        ``"client"`` or ``"server"``: who proves.
    own_nonce, other_nonce : (32,) bytes
        The nonce of the end that proves, and that of the end that checks.

    Returns
    -------
    str
        HMAC-SHA256 with the UTF-8 secret as key over ``heat-bridge/<role>``, a zero byte, the
        version as two bytes little-endian and both nonces; 64 lower-case hexadecimal digits.
    """
    said = f"heat-bridge/{role}\0".encode() + VERSION.to_bytes(2, "little")
    return hmac.new(secret.encode(), said + own_nonce + other_nonce, hashlib.sha256).hexdigest()


def serve_handshake(channel: Channel, secret: str, welcome: Header) -> None:
    """Let a client prove itself; the server's side.

    Parameters
    ----------
    channel : Channel
        Fresh; nothing was read from it.
    secret : str
        The session's secret.
    welcome : dict
        What the WELCOME message tells besides the server's proof.

    Raises
    ------
    SecretRefused, VersionMismatch, ProtocolError, BackendLost
        The caller closes the channel with it.
    """
    own = secrets.token_bytes(NONCE_BYTES)
    channel.send(Kind.CHALLENGE, {"protocol": VERSION, "nonce": own.hex()})
    deadline = time.monotonic() + SERVER_PATIENCE
    message = channel.receive(BEFORE_PROOF, deadline=deadline, any_version=True)
    if message is None:
        raise BackendLost("the client left without a proof")
    if message.kind == Kind.ERROR:
        raise_told(message.header)
    if message.version != VERSION:
        raise version_mismatch(message.version)
    theirs = _nonce(message)
    given = message.header.get("proof")
    expected = proof(secret, "client", theirs, own)
    if not _same(given, expected):
        raise SecretRefused("the secret is not the one of this backend")
    channel.send(Kind.WELCOME, {**welcome, "proof": proof(secret, "server", own, theirs)})


def join_handshake(channel: Channel, secret: str, patience: float) -> Header:
    """Prove oneself to a server and check its proof; the client's side.

    Parameters
    ----------
    channel : Channel
        Fresh; nothing was read from it.
    secret : str
        The session's secret.
    patience : float
        Seconds to wait for each answer.

    Returns
    -------
    dict
        What the server tells of itself (see WELCOME in PROTOCOL.md).

    Raises
    ------
    SecretRefused, VersionMismatch, ProtocolError, BackendLost
    """
    challenge = _expect(channel, Kind.CHALLENGE, patience)
    if challenge.version != VERSION:
        error = version_mismatch(challenge.version)
        channel.close(say=VersionMismatch(f"a client refused: its protocol version is {VERSION}"))
        raise error
    theirs = _nonce(challenge)
    own = secrets.token_bytes(NONCE_BYTES)
    answer = {"nonce": own.hex(), "proof": proof(secret, "client", own, theirs)}
    channel.send(Kind.PROOF, answer)
    welcome = _expect(channel, Kind.WELCOME, patience).header
    given = welcome.get("proof")
    expected = proof(secret, "server", theirs, own)
    if not _same(given, expected):
        raise SecretRefused("what answers at this address does not know the secret")
    return welcome


def _same(given: object, expected: str) -> bool:
    """Compare in constant time; whatever is no text, or none that UTF-8 can hold, differs."""
    text = given if isinstance(given, str) else ""
    return hmac.compare_digest(text.encode("utf-8", "replace"), expected.encode())


def _expect(channel: Channel, kind: Kind, patience: float) -> Message:
    expected = {kind: TO_CLIENT[kind], Kind.ERROR: TO_CLIENT[Kind.ERROR]}
    deadline = time.monotonic() + patience
    message = channel.receive(expected, deadline=deadline, any_version=True)
    if message is None:
        raise BackendLost("the backend closed the connection")
    if message.kind == Kind.ERROR:
        raise_told(message.header)
    return message


def _nonce(message: Message) -> bytes:
    text = message.header.get("nonce")
    try:
        nonce = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        nonce = b""
    if len(nonce) != NONCE_BYTES:
        raise ProtocolError(f"the nonce of a handshake is not {NONCE_BYTES} bytes in hexadecimal")
    return nonce
