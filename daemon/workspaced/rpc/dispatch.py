"""The dispatch of a request: decode its params, run its handler by the method's mode, answer."""

from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Final

import msgspec
import trio

from workspaced.domain.commands import Command
from workspaced.domain.entries import Cause
from workspaced.domain.errors import RequestCancelled, ShuttingDown
from workspaced.domain.ids import IdFactory
from workspaced.rpc.clients import ClientState
from workspaced.rpc.pending_request import Answer, PendingRequest
from workspaced.rpc.refusals import rpc_error, to_rpc_error
from workspaced.rpc.request_log import RequestLog
from workspaced.service.order import Turn
from workspaced.service.registry import Operation
from workspaced.service.requests import Json
from workspaced.writer.actor import Writer
from workspaced.writer.pending import withdrawn
from workspaced_protocol.errors import ErrorCode, RpcError
from workspaced_protocol.messages import (
    CANCEL_REQUEST,
    NULL_ID,
    Call,
    Malformed,
    encode_error,
    encode_result,
    encode_result_array,
)
from workspaced_protocol.params import CancelParams, Params
from workspaced_protocol.urls import without_secret

SUBSCRIBE: Final = "events.subscribe"

Task = Callable[[], Awaitable[None]]
"""The rest of a request that must wait; the connection runs it in its nursery."""


class Dispatcher:
    """Runs the handlers of the registry."""

    def __init__(
        self, operations: Mapping[str, Operation], writer: Writer, ids: IdFactory, log: RequestLog
    ) -> None:
        self._operations = operations
        self._writer = writer
        self._ids = ids
        self._log = log

    def dispatch(self, request: Call | Malformed, client: ClientState, answer: Answer) -> Task | None:
        """Answer a read and submit a write at once; return a task for the caller to run if the request must wait."""
        client.request_count += 1
        if isinstance(request, Malformed):
            self._refuse(None, request.id, rpc_error(request.code, request.message), client, answer)
            return None
        if request.id is None and request.method == CANCEL_REQUEST:
            self._cancel(request, client)
            answer(None)
            return None
        operation = self._operations.get(request.method)
        if operation is None:
            self._refuse(request.method, request.id, _no_such_method(request.method), client, answer)
            return None
        if operation.method.mode == "read":
            self._read(operation, request, client, answer)
            return None
        cause = Cause(self._ids.correlation(), client.caller.peer, request.method)
        pending = PendingRequest(request, cause, answer, client, self._log, self._writer)
        try:
            params = operation.method.decode_params(request.params)
            match operation.method.mode:
                case "write":
                    return self._write(operation.handler(params, pending), pending)
                case "prepared":
                    return self._prepare(operation, params, pending)
                case "task":
                    return self._begin_task(operation.handler(params, pending), pending)
        except Exception as refusal:  # noqa: BLE001 - a defect in one method must not end a connection
            pending.answer(refusal)
        return None

    def _refuse(
        self, method: str | None, id_: bytes | None, error: RpcError, client: ClientState, answer: Answer
    ) -> None:
        answer(None if id_ is None else encode_error(id_, error))
        self._log.answered(client.caller, method, 0.0, error)

    def _read(self, operation: Operation, request: Call, client: ClientState, answer: Answer) -> None:
        """Answer a read without a PendingRequest: clients may send a hundred thousand a second."""
        started_at = perf_counter()
        text: bytes | list[bytes] | None
        try:
            result: Json | list[Json] = operation.handler(
                operation.method.decode_params(request.params), client
            )
            if request.id is None:
                text = None
            elif isinstance(result, bytes):
                text = encode_result(request.id, result)
            else:
                text = encode_result_array(request.id, result)
        except Exception as refusal:  # noqa: BLE001 - a defect in one method must not end a connection
            answer(
                None
                if request.id is None
                else encode_error(request.id, to_rpc_error(refusal, request.params))
            )
            self._log.answered(client.caller, request.method, perf_counter() - started_at, refusal)
            return
        answer(text)
        seconds = perf_counter() - started_at
        if seconds >= self._log.slow_seconds or self._log.logs_all:
            self._log.answered(client.caller, request.method, seconds, None)

    def _write(self, command: Command, request: PendingRequest) -> Task | None:
        """Submit a write at once, or in its turn if prepared writes are ahead of it."""
        order = request.client.order
        # A callback in place of a task: nearly all writes come this way, and a task costs as much as the rest.
        if order.is_free():
            request.submit(command)
            return None

        async def wait(turn: Turn) -> Command:
            await turn.wait()
            return command

        return self._prepare_in_turn(wait, order.join(), request)

    def _prepare(self, operation: Operation, params: Params, request: PendingRequest) -> Task:
        prepare: Callable[[Params, Turn], Awaitable[Command]] = operation.handler
        return self._prepare_in_turn(lambda turn: prepare(params, turn), request.client.order.join(), request)

    def _prepare_in_turn(
        self, prepare: Callable[[Turn], Awaitable[Command]], turn: Turn, request: PendingRequest
    ) -> Task:
        # Shielded from the end of the connection: a write is applied even if its client is gone, and so are the writes
        # behind it. If a later write could run after the connection's end, it could begin a session that nothing
        # ends. Each wait inside has its own time limit, and ends when the daemon stops.
        scope = trio.CancelScope(shield=True)
        request.cancel_with(scope.cancel)

        async def run() -> None:
            with scope, turn:
                try:
                    command = await prepare(turn)
                except Exception as refusal:  # noqa: BLE001 - a defect in one method must not end a connection
                    await turn.wait()
                    request.answer(refusal)
                else:
                    if not scope.cancel_called:
                        request.submit(command)
            if scope.cancel_called:
                request.answer(withdrawn())

        return run

    def _begin_task(self, task: Awaitable[Json], request: PendingRequest) -> Task:
        scope = trio.CancelScope()
        request.cancel_with(scope.cancel)

        async def run() -> None:
            result = b"null"
            try:
                with scope:
                    result = await task
                if scope.cancelled_caught:
                    request.answer(RequestCancelled("The request was cancelled."))
                    return
            except Exception as error:  # noqa: BLE001 - a defect in one method must not end a connection
                request.answer(error)
            except BaseException:  # trio.Cancelled, or a group of them from the task's own nursery
                if not request.client.is_disconnected:
                    request.answer(ShuttingDown())
                raise
            else:
                request.answer_json(result)

        return run

    def _cancel(self, request: Call, client: ClientState) -> None:
        try:
            params = msgspec.json.decode(request.params or b"{}", type=CancelParams | tuple[int | str | None])
        except msgspec.DecodeError:
            return  # nothing to cancel without a valid id, and a notification gets no answer
        cancel = client.cancels.get(params.id if isinstance(params, CancelParams) else params[0])
        if cancel is not None:
            cancel()

    def refuse_long_line(self, max_line_bytes: int, client: ClientState) -> bytes:
        """Return the answer to a line over the limit; the caller closes the connection after it."""
        message = f"The line is longer than {max_line_bytes:,} bytes: the connection is closed."
        problem = rpc_error(ErrorCode.INVALID_REQUEST, message)
        self._log.answered(client.caller, None, 0.0, problem)
        return encode_error(NULL_ID, problem)

    def refuse_in_batch(self, request: Call | Malformed, limit_bytes: int, client: ClientState) -> bytes:
        """Return the answer to a request of a batch whose answers exceed the limit."""
        client.request_count += 1
        message = f"The answers to this batch exceed {limit_bytes:,} bytes: send it in smaller batches."
        problem = rpc_error(ErrorCode.OVERLOADED, message)
        self._log.answered(client.caller, request.method if isinstance(request, Call) else None, 0.0, problem)
        return encode_error(request.id or NULL_ID, problem)


def _no_such_method(name: str) -> RpcError:
    message = f"There is no method {without_secret(name)[:100]!r}: rpc.discover lists all methods."
    return rpc_error(ErrorCode.METHOD_NOT_FOUND, message)
