# SPDX-License-Identifier: GPL-3.0-or-later
"""One authenticated client: dispatches each of its messages to a handler."""

from __future__ import annotations

from collections.abc import Callable

from bridge import fields, packing
from bridge.errors import BackendLost, HeatError, ProtocolError
from bridge.wire import TO_SERVER, Channel, Kind, Message, error_header
from heat_backend.serve.export_handler import ExportHandler
from heat_backend.serve.export_queue import ExportQueue
from heat_backend.serve.portrait_cache import PortraitCache
from heat_backend.serve.preview_worker import Pose, PreviewWorker
from heat_backend.serve.upload_store import UploadFolder, UploadStore


class Session:
    """Reads the messages of one client until it goes.

    Parameters
    ----------
    channel : Channel
        Past the handshake.
    cache : PortraitCache
        Portraits.
    exports : ExportQueue
        Export jobs.
    upload_folder : UploadFolder
        Where its uploads are kept.
    """

    def __init__(
        self,
        channel: Channel,
        cache: PortraitCache,
        exports: ExportQueue,
        upload_folder: UploadFolder,
    ) -> None:
        self._channel = channel
        self._cache = cache
        self._uploads = UploadStore(upload_folder)
        self._worker = PreviewWorker(channel, cache)
        self._export_handler = ExportHandler(channel, cache, exports, self._uploads)
        self._answers: dict[Kind, Callable[[Message], None]] = {
            Kind.ERROR: self._client_error,
            Kind.PING: self._ping,
            Kind.BLOB: self._uploads.take_in,
            Kind.PREPARE: self._prepare,
            Kind.CANCEL: lambda _: self._worker.cancel(),
            Kind.RING_ANSWER: self._ring_answer,
            Kind.RENDER: self._render,
            **self._export_handler.answers(),
        }

    def run(self) -> None:
        """Answer until the client closes the connection.

        Raises
        ------
        ProtocolError
            The client broke the protocol; the caller tells it and hangs up.
        BackendLost
            The connection broke.
        """
        try:
            self._answer_all()
        except BackendLost:
            self._channel.abort()
            raise
        else:
            self._channel.abort()
        finally:
            self._export_handler.close()
            self._worker.stop()
            self._uploads.close()

    def _answer_all(self) -> None:
        while (message := self._channel.receive(TO_SERVER)) is not None:
            try:
                self._answers[message.kind](message)
            except (ProtocolError, BackendLost):
                raise
            except HeatError as error:
                more = {"sequence": message.header.get("sequence"), "fatal": False}
                self._channel.send(Kind.ERROR, error_header(error, **more))

    def _client_error(self, message: Message) -> None:
        raise BackendLost(f"it said: {str(message.header.get('text'))[:200]}")

    def _ping(self, message: Message) -> None:
        self._channel.send(Kind.PONG, {"number": fields.number(message.header, "number", 0.0)})

    def _prepare(self, message: Message) -> None:
        request = self._cache.request(message.header, self._uploads.finished)
        self._worker.prepare(
            request,
            lambda: self._uploads.discard(request.file),
            shared_memory=fields.flag(message.header, "shared_memory"),
            progress_images=fields.flag(message.header, "sketches"),
        )

    def _ring_answer(self, message: Message) -> None:
        self._worker.ring_attached(fields.flag(message.header, "attached"))

    def _render(self, message: Message) -> None:
        header = message.header
        sequence = fields.integer(header, "sequence", 0, 1 << 53)
        self._worker.released(fields.integers(header, "released", 0, 63, 64))
        names = fields.texts(header, "edits", 256, 64)
        if fields.flag(header, "neighbours"):
            pose, around = packing.unpack_with_neighbours(names, message.payload)
            self._worker.show(Pose(sequence, pose, around))
        else:
            self._worker.show(Pose(sequence, packing.unpack(names, message.payload)))
