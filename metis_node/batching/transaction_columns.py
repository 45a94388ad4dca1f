"""Signed transactions as columns: all nonces together, all recipients together, and so on.

What one does not carry: the chain id (the reader knows it) and the sender (the signature has it).
A transaction that is not built exactly like others of its type goes whole into the column
`opaque`, so that every byte string comes back unchanged. Rules B10 to B19 of
`docs/protocol/batches.md`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from metis_node.batching.columns import (
    ColumnReader,
    ColumnWriter,
    encode_bits,
    encode_varints,
)
from metis_node.codec.raw_transactions import join_transaction, split_transaction
from metis_node.errors import InvalidBatch

# Kinds: what stands in the column `kinds`. The bit CREATION is added where `to` is empty.
UNPROTECTED, LEGACY, ACCESS_LIST, DYNAMIC_FEE, SET_CODE, OPAQUE = range(6)
CREATION = 8
_CREATABLE = (UNPROTECTED, LEGACY, ACCESS_LIST, DYNAMIC_FEE)
KINDS = frozenset(range(6)) | {CREATION + kind for kind in _CREATABLE}
TYPE_OF_KIND = (0, 0, 1, 2, 4)

WORD = 32
SELECTOR = 4
MAX_WORDS = 128  # longer call data goes whole: taking it apart costs more than it saves
MAX_DECIMAL_EXPONENT = 77  # 10^77 < 2^256

_LENGTHS = [bytes((n,)) for n in range(256)]


class TransactionColumns:
    """Collects transactions in block order; `write` appends their columns."""

    def __init__(self, chain_id: int) -> None:
        self._chain_id = _minimal(chain_id)
        self._v_even = 2 * chain_id + 35
        self.kinds: list[bytes] = []
        self.nonces: list[int] = []
        self.gas_limits: list[int] = []
        self.recipients = _AddressColumn()
        self.values = _AmountColumn()
        self.max_fees = _AmountColumn()
        self.priority_fees = _AmountColumn()
        self.data_lengths: list[int] = []
        self.plain: list[bytes] = []
        self.word_sizes: list[bytes] = []
        self.words: list[bytes] = []
        self.word_addresses: list[int] = []
        self.list_lengths: list[int] = []
        self.lists: list[bytes] = []
        self.parities: list[int] = []
        self.signatures_r: list[bytes] = []
        self.signatures_s: list[bytes] = []
        self.opaque_lengths: list[int] = []
        self.opaque: list[bytes] = []

    def add_all(self, raws: Iterable[bytes]) -> None:
        for raw in raws:
            if not self._add(raw):
                self.kinds.append(_LENGTHS[OPAQUE])
                self.opaque_lengths.append(len(raw))
                self.opaque.append(raw)

    def _add(self, raw: bytes) -> bool:
        """False, and nothing changed, if `raw` does not fit the columns."""
        split = split_transaction(raw)
        if split is None:
            return False
        kind_of_transaction, fields = split
        if kind_of_transaction:
            if fields[0] != self._chain_id:
                return False
            parity_bytes, r, s = fields[-3:]
            if parity_bytes not in (b"", b"\x01"):
                return False
            parity = len(parity_bytes)
            if kind_of_transaction == 2:
                kind, lists = DYNAMIC_FEE, fields[8:9]
                _, nonce, priority, fee, gas, to, value, data = fields[:8]
            elif kind_of_transaction == 1:
                kind, lists, priority = ACCESS_LIST, fields[7:8], None
                _, nonce, fee, gas, to, value, data = fields[:7]
            else:
                kind, lists = SET_CODE, fields[8:10]
                _, nonce, priority, fee, gas, to, value, data = fields[:8]
        else:
            nonce, fee, gas, to, value, data, v, r, s = fields
            place = self._place_v(v)
            if place is None:
                return False
            kind, parity = place
            lists, priority = [], None
        if not _fits(nonce, gas, to, value, fee, priority, r, s):
            return False
        if not to:
            if kind == SET_CODE:
                return False
            kind |= CREATION
        self.kinds.append(_LENGTHS[kind])
        self.nonces.append(int.from_bytes(nonce, "big"))
        self.gas_limits.append(int.from_bytes(gas, "big"))
        if to:
            self.recipients.add(to)
        self.values.add(value)
        self.max_fees.add(fee)
        if priority is not None:
            self.priority_fees.add(priority)
        self.data_lengths.append(len(data))
        if data:
            self._add_data(data, bool(to))
        for payload in lists:
            self.list_lengths.append(len(payload))
            self.lists.append(payload)
        self.parities.append(parity)
        self.signatures_r.append(r.rjust(WORD, b"\0"))
        self.signatures_s.append(s.rjust(WORD, b"\0"))
        return True

    def _place_v(self, v: bytes) -> tuple[int, int] | None:
        if not v or v[0] == 0:
            return None
        number = int.from_bytes(v, "big")
        if number in (27, 28):
            return UNPROTECTED, number - 27
        parity = number - self._v_even
        return (LEGACY, parity) if parity in (0, 1) else None

    def _add_data(self, data: bytes, is_call: bool) -> None:
        if not (is_call and has_words(len(data))):
            self.plain.append(data)
            return
        self.plain.append(data[:SELECTOR])
        for start in range(SELECTOR, len(data), WORD):
            word = data[start : start + WORD].lstrip(b"\0")
            size = len(word)
            self.word_sizes.append(_LENGTHS[size])
            if size == 20:
                self.word_addresses.append(self.recipients.code_of(word))
            else:
                self.words.append(word)

    def write(self, out: ColumnWriter) -> None:
        out.column(b"".join(self.kinds))
        out.column(encode_varints(self.nonces))
        out.column(encode_varints(self.gas_limits))
        out.column(encode_varints(self.recipients.codes))
        out.column(encode_varints(self.word_addresses))
        out.column(b"".join(self.recipients.table))
        for amounts in (self.values, self.max_fees, self.priority_fees):
            amounts.write(out)
        out.column(encode_varints(self.data_lengths))
        out.column(b"".join(self.plain))
        out.column(b"".join(self.word_sizes))
        out.column(b"".join(self.words))
        out.column(encode_varints(self.list_lengths))
        out.column(b"".join(self.lists))
        out.column(encode_varints(self.opaque_lengths))
        out.column(b"".join(self.opaque))
        out.column(encode_bits(self.parities))
        out.column(b"".join(self.signatures_r))
        out.column(b"".join(self.signatures_s))


class _AddressColumn:
    """Addresses by first appearance: 0 is the next of the table, n the table's (n-1)th."""

    __slots__ = ("_index", "codes", "table")

    def __init__(self) -> None:
        self._index: dict[bytes, int] = {}
        self.codes: list[int] = []
        self.table: list[bytes] = []

    def add(self, address: bytes) -> None:
        self.codes.append(self.code_of(address))

    def code_of(self, address: bytes) -> int:
        code = self._index.get(address)
        if code is None:
            self.table.append(address)
            self._index[address] = len(self.table)
            return 0
        return code


class _AmountColumn:
    """Wei amounts as m * 10^e: the exponents, the sizes of m, and the bytes of m."""

    __slots__ = ("_seen", "exponents", "mantissas", "sizes")
    MAX_SEEN = 4096  # amounts repeat; bounded because they need not

    def __init__(self) -> None:
        self._seen: dict[bytes, tuple[bytes, bytes, bytes]] = {}
        self.exponents: list[bytes] = []
        self.sizes: list[bytes] = []
        self.mantissas: list[bytes] = []

    def add(self, payload: bytes) -> None:
        parts = self._seen.get(payload)
        if parts is None:
            parts = _decimal(payload)
            if len(self._seen) < self.MAX_SEEN:
                self._seen[payload] = parts
        self.exponents.append(parts[0])
        self.sizes.append(parts[1])
        self.mantissas.append(parts[2])

    def write(self, out: ColumnWriter) -> None:
        out.column(b"".join(self.exponents))
        out.column(b"".join(self.sizes))
        out.column(b"".join(self.mantissas))


def _decimal(payload: bytes) -> tuple[bytes, bytes, bytes]:
    if not payload:
        return b"\0", b"\0", b""
    digits = str(int.from_bytes(payload, "big"))
    stripped = digits.rstrip("0")
    mantissa = _minimal(int(stripped))
    return _LENGTHS[len(digits) - len(stripped)], _LENGTHS[len(mantissa)], mantissa


def _fits(
    nonce: bytes,
    gas: bytes,
    to: bytes,
    value: bytes,
    fee: bytes,
    priority: bytes | None,
    r: bytes,
    s: bytes,
) -> bool:
    """Whether every number is in its shortest form and within its width."""
    return (
        len(to) in (0, 20)
        and len(nonce) <= 8
        and len(gas) <= 8
        and len(value) <= WORD
        and len(fee) <= WORD
        and len(r) <= WORD
        and len(s) <= WORD
        and nonce[:1] != b"\0"
        and gas[:1] != b"\0"
        and value[:1] != b"\0"
        and fee[:1] != b"\0"
        and r[:1] != b"\0"
        and s[:1] != b"\0"
        and (priority is None or (len(priority) <= WORD and priority[:1] != b"\0"))
    )


def has_words(length: int) -> bool:
    """Call data of an ABI call: a selector and whole words (rule B15)."""
    words, head = divmod(length, WORD)
    return head == SELECTOR and 0 < words <= MAX_WORDS


def _minimal(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def read_transactions(
    reader: ColumnReader, *, count: int, chain_id: int, max_bytes: int
) -> list[bytes]:
    """`count` transactions from their columns, together at most `max_bytes`."""
    source = _TransactionReader(reader, count=count, chain_id=chain_id, max_bytes=max_bytes)
    raws = source.read_all()
    source.finish()
    return raws


class _TransactionReader:
    def __init__(self, reader: ColumnReader, *, count: int, chain_id: int, max_bytes: int) -> None:
        self._chain_id = _minimal(chain_id)
        self._v_bases = (27, 2 * chain_id + 35)
        self._budget = max_bytes
        self._max_bytes = max_bytes
        kinds_column = reader.column("kinds")
        self._kinds = kinds_column.fixed(count)
        kinds_column.finish()
        if not KINDS.issuperset(self._kinds):
            raise InvalidBatch("column kinds: unknown transaction kind")
        opaque = self._kinds.count(OPAQUE)
        shaped = count - opaque
        creations = sum(self._kinds.count(CREATION + kind) for kind in _CREATABLE)
        typed = [sum(self._kinds.count(k + c) for c in (0, CREATION)) for k in range(5)]
        self._nonces = iter([_minimal(n) for n in _numbers(reader, "nonces", shaped)])
        self._gas_limits = iter([_minimal(n) for n in _numbers(reader, "gas_limits", shaped)])
        self._codes = iter(_numbers(reader, "recipients", shaped - creations))
        self._word_codes = reader.column("word_addresses")
        self._addresses = _AddressReader(reader.column("addresses"))
        self._values = _AmountReader(reader, "values", shaped)
        self._fees = _AmountReader(reader, "max_fees", shaped)
        self._priorities = _AmountReader(
            reader, "priority_fees", typed[DYNAMIC_FEE] + typed[SET_CODE]
        )
        self._data_lengths = iter(_numbers(reader, "data_lengths", shaped, max_bytes + 1))
        self._plain = reader.column("plain")
        self._word_sizes = reader.column("word_sizes")
        self._words = reader.column("words")
        lists = typed[ACCESS_LIST] + typed[DYNAMIC_FEE] + 2 * typed[SET_CODE]
        self._list_lengths = iter(_numbers(reader, "list_lengths", lists))
        self._lists = reader.column("lists")
        self._opaque_lengths = iter(_numbers(reader, "opaque_lengths", opaque))
        self._opaque = reader.column("opaque")
        parities = reader.column("parities")
        self._parities = iter(parities.bits(shaped))
        parities.finish()
        self._r = _signature_words(reader, "signatures_r", shaped)
        self._s = _signature_words(reader, "signatures_s", shaped)

    def read_all(self) -> list[bytes]:
        raws = []
        for kind in self._kinds:
            raw = self._read_opaque() if kind == OPAQUE else self._read(kind)
            self._spend(len(raw))
            raws.append(raw)
        return raws

    def finish(self) -> None:
        for column in (
            self._word_codes,
            self._addresses.column,
            self._values.mantissas,
            self._fees.mantissas,
            self._priorities.mantissas,
            self._plain,
            self._word_sizes,
            self._words,
            self._lists,
            self._opaque,
        ):
            column.finish()

    def _read(self, kind: int) -> bytes:
        base = kind & ~CREATION
        nonce = next(self._nonces)
        gas = next(self._gas_limits)
        to = b"" if kind & CREATION else self._addresses.read(next(self._codes))
        value = self._values.read()
        fee = self._fees.read()
        data_length = next(self._data_lengths)
        if data_length > self._budget:
            raise self._too_large()
        if base in (UNPROTECTED, LEGACY):
            data = self._read_data(data_length, bool(to))
            v = _minimal(self._v_bases[base] + next(self._parities))
            return join_transaction(
                0, (nonce, fee, gas, to, value, data, v, next(self._r), next(self._s))
            )
        priority = self._priorities.read() if base != ACCESS_LIST else b""
        data = self._read_data(data_length, bool(to))
        lists = [self._read_list() for _ in range(2 if base == SET_CODE else 1)]
        parity = b"\x01" if next(self._parities) else b""
        prices = (fee,) if base == ACCESS_LIST else (priority, fee)
        signature = (parity, next(self._r), next(self._s))
        return join_transaction(
            TYPE_OF_KIND[base],
            (self._chain_id, nonce, *prices, gas, to, value, data, *lists, *signature),
        )

    def _read_data(self, length: int, is_call: bool) -> bytes:
        if not (is_call and has_words(length)):
            return self._plain.fixed(length)
        parts = [self._plain.fixed(SELECTOR)]
        for size in self._word_sizes.fixed(length // WORD):
            if size == 20:
                word = self._addresses.read(self._word_codes.number())
            elif size <= WORD:
                word = self._words.fixed(size)
            else:
                raise InvalidBatch(f"column word_sizes: a word of {size} bytes")
            if word[:1] == b"\0":
                raise InvalidBatch("column words: a word begins with a zero byte")
            parts.append(word.rjust(WORD, b"\0"))
        return b"".join(parts)

    def _read_list(self) -> bytes:
        return self._lists.fixed(next(self._list_lengths))

    def _read_opaque(self) -> bytes:
        return self._opaque.fixed(next(self._opaque_lengths))

    def _spend(self, size: int) -> None:
        self._budget -= size
        if self._budget < 0:
            raise self._too_large()

    def _too_large(self) -> InvalidBatch:
        return InvalidBatch(f"the transactions take more than {self._max_bytes} bytes")


class _AddressReader:
    __slots__ = ("_known", "_table", "column")

    def __init__(self, column: ColumnReader) -> None:
        self.column = column
        self._table: list[bytes] = []
        self._known: set[bytes] = set()

    def read(self, code: int) -> bytes:
        if code == 0:
            address = self.column.fixed(20)
            if address in self._known:
                raise InvalidBatch("column addresses: an address stands there twice")
            self._known.add(address)
            self._table.append(address)
            return address
        if code > len(self._table):
            raise InvalidBatch(f"column addresses: {code} stands before the address it names")
        return self._table[code - 1]


class _AmountReader:
    __slots__ = ("_exponents", "_position", "_seen", "_sizes", "mantissas")
    MAX_SEEN = 4096  # amounts repeat; bounded because they need not

    def __init__(self, reader: ColumnReader, name: str, count: int) -> None:
        exponents = reader.column(f"{name}_exponents")
        sizes = reader.column(f"{name}_sizes")
        self.mantissas = reader.column(name)
        self._exponents = exponents.fixed(count)
        self._sizes = sizes.fixed(count)
        exponents.finish()
        sizes.finish()
        self._position = 0
        self._seen: dict[tuple[int, bytes], bytes] = {}
        if count and (max(self._exponents) > MAX_DECIMAL_EXPONENT or max(self._sizes) > WORD):
            raise InvalidBatch(f"column {name}: an amount is wider than 256 bits")

    def read(self) -> bytes:
        position = self._position
        self._position = position + 1
        key = (self._exponents[position], self.mantissas.fixed(self._sizes[position]))
        amount = self._seen.get(key)
        if amount is None:
            amount = _undecimal(*key)
            if len(self._seen) < self.MAX_SEEN:
                self._seen[key] = amount
        return amount


def _undecimal(exponent: int, mantissa: bytes) -> bytes:
    number = int.from_bytes(mantissa, "big")
    if mantissa[:1] == b"\0" or (number % 10 == 0 and (number or exponent)):
        raise InvalidBatch("an amount is not in its shortest form")
    amount = _minimal(number * 10**exponent) if exponent else mantissa
    if len(amount) > WORD:
        raise InvalidBatch("an amount is wider than 256 bits")
    return amount


def _signature_words(reader: ColumnReader, name: str, count: int) -> Iterator[bytes]:
    column = reader.column(name)
    if column.remaining != count * WORD:
        raise InvalidBatch(f"column {name}: not {WORD} bytes for each transaction")
    data = column.rest()
    return iter([data[at : at + WORD].lstrip(b"\0") for at in range(0, len(data), WORD)])


def _numbers(reader: ColumnReader, name: str, count: int, limit: int = 1 << 64) -> Sequence[int]:
    column = reader.column(name)
    values = column.numbers(count, limit)
    column.finish()
    return values
