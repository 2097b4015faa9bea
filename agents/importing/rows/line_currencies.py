"""The currencies of lines: from a column, from signs beside amounts, from the name of the column, from the policy."""

from collections.abc import Callable, Sequence

from agents.importing.columns.column_value import CellError
from agents.importing.columns.currencies import read_currency
from agents.importing.columns.currency_decision import CurrencyDecision, decide_currencies, decide_currency_signs
from agents.importing.columns.numbers.decision import NumberParser
from agents.importing.findings import Findings, Question
from agents.importing.mapping.expression import columns_of, plain_columns_of
from agents.importing.mapping.mapping import Mapping
from agents.importing.mapping.name_recognition import unit_of
from agents.importing.platforms.catalog import GENERIC
from agents.importing.rows.cell_sql import CellSql, quoted
from agents.importing.rows.column_decisions import ColumnDecisions
from agents.importing.rows.policy_info import PolicyInfo
from agents.importing.rows.row_source import RowSource


class LineCurrencies:
    """Decides the currencies of lines.

    Args:
        source: the rows.
        mapping: with the columns that exist.
        policy: whose currency orders are in if nothing says otherwise.
        decisions: about the columns of numbers.
        findings: receives assumptions and questions.

    Attributes:
        default: of lines that name none; empty: there is none.
    """

    def __init__(
        self, source: RowSource, mapping: Mapping, policy: PolicyInfo, decisions: ColumnDecisions, findings: Findings
    ) -> None:
        self._source = source
        self._mapping = mapping
        self._policy = policy
        self._decisions = decisions
        self._findings = findings
        self._known = [code for code in (mapping.currency, policy.currency) if code]
        self._columns: dict[str, CurrencyDecision] = {}
        for field in ("currency", "converted_currency"):
            for name in columns_of(mapping.fields[field]) if field in mapping.fields else ():
                cell = source.cell(name)
                values = source.staging.values(cell.table, cell.name)
                self._columns[name] = self._stated(decide_currencies(values, field, known=self._known))
        self._signs = self._decide_signs()
        self.default = self._default()

    def codes(self) -> set[str]:
        """Return the currencies that the file names, otherwise that of its lines without one."""
        named = {code for decision in self._columns.values() for code in decision.codes} | {*self._signs.codes}
        return named or {self.default} - {""}

    def common(self) -> str:
        """Return the only currency that sums are converted to, if the sums themselves are in several; empty: none."""
        own, converted = (
            {code for name in self._names(field) for code in self._columns[name].codes}
            for field in ("currency", "converted_currency")
        )
        if len(converted) != 1 or len(own) < 2:
            return ""
        (code,) = converted
        if self._policy.currency is None:
            self._findings.assume("currency", code, f"sums in {', '.join(sorted(own))} are converted to it")
        return code

    def _names(self, field: str) -> list[str]:
        expression = self._mapping.fields.get(field)
        return list(columns_of(expression)) if expression is not None else []

    def sql(self, sql: CellSql) -> str:
        """Return the currency that a line names."""
        if "currency" in self._mapping.fields:
            return self.column_sql(sql, "currency")
        if len(self._signs.codes) > 1:
            return self._sign_sql(sql)
        return quoted(next(iter(self._signs.codes))) if self._signs.codes else "NULL::VARCHAR"

    def column_sql(self, sql: CellSql, field: str) -> str:
        """Return the currency in the column of a field."""
        expression = self._mapping.fields.get(field)
        if expression is None:
            return "NULL::VARCHAR"
        readers = [self._columns[name].read for name in columns_of(expression)]
        return sql.currency(field, expression, _first_reading(readers))

    def _stated(self, decision: CurrencyDecision) -> CurrencyDecision:
        if decision.question is not None:
            self._findings.ask(decision.question)
        else:
            self._findings.assumptions += decision.assumptions
        return decision

    def _amounts(self) -> list[str]:
        """Return the columns of amounts."""
        expression = self._mapping.fields.get("amount")
        return list(plain_columns_of(expression)) if expression else []

    def _decide_signs(self) -> CurrencyDecision:
        signs = {}
        for name in self._amounts() if "currency" not in self._mapping.fields else ():
            signs.update(self._decisions.number(self._source.cell(name)).currencies)
        decision = self._stated(decide_currency_signs(signs, "currency", known=self._known))
        if len(decision.codes) == 1:
            ((code, value),) = decision.codes.items()
            evidence = f"amounts have its sign, line {value.first_line}: {value.text}"
            self._findings.assume("currency", code, evidence, "--currency")
        return decision

    def _sign_sql(self, sql: CellSql) -> str:
        """Return the currency of the sign beside each amount, where there are several."""
        found = []
        for name in self._amounts():
            decided = self._decisions.number(self._source.cell(name))
            if decided.format is None:
                continue
            parser = NumberParser(decided.format)

            def read(text: str, parser: NumberParser = parser) -> str | None:
                candidates = parser.currencies(text)
                return self._signs.meaning(candidates) if candidates else None

            found.append(f"nullif({sql.cell_word(name, read, 'sign')}, '')")
        return f"coalesce({', '.join((*found, 'NULL'))})"

    def _default(self) -> str:
        if self._mapping.currency:
            return self._mapping.currency
        for name in self._amounts():
            unit = unit_of(name)
            code = read_currency(unit, self._known) if unit else None
            if code is not None:
                self._findings.assume("currency", code, f"the column {name} is named so", "--currency")
                return code
        if len(self._signs.codes) > 1:
            return ""
        if "currency" in self._mapping.fields:
            return self._sole_code()
        named = bool(self._signs.codes)
        if not named and self._policy.currency:
            evidence = "nothing in the file names a currency, and this one is the policy's"
            self._findings.assume("currency", self._policy.currency, evidence, "--currency")
        elif not named:
            option = "--currency, such as --currency EUR"
            text = "In which currency are the amounts? Nothing in the file names one."
            self._findings.ask(Question("currency", text, "currency", (), option))
        return self._policy.currency or ""

    def _sole_code(self) -> str:
        """Return the currency of lines whose cell is empty: the only one that the column has; empty: it has several."""
        names = list(columns_of(self._mapping.fields["currency"]))
        codes = {code for name in names for code in self._columns[name].codes}
        if len(codes) != 1:
            return "" if codes else self._policy.currency or ""
        (code,) = codes
        empty = self._source.main.rows - max(self._source.filled(name) for name in names)
        if empty > 0 and self._mapping.platform == GENERIC:
            evidence = f"{empty:,} rows name no currency, and {names[0]} has no other one"
            self._findings.assume("currency", code, evidence, "--currency")
        return code


def _first_reading(readers: Sequence[Callable[[str], str]]) -> Callable[[str], str | None]:
    """Return a function that reads a currency as the first column can that knows the text."""

    def read(text: str) -> str | None:
        for reader in readers:
            try:
                return reader(text)
            except CellError:
                continue
        return None

    return read
