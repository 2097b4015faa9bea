"""Encodings are found out from the whole file, and reported with a line that shows them."""

import random
from pathlib import Path

import pytest

from agents.importing.findings import FileError
from agents.importing.reading.encodings.text_encoding import best_encoding, unicode_encoding
from agents.importing.reading.opening import open_source
from agents.importing.reading.source_table import ReadOptions
from agents.importing.staging.stage import stage
from tests.unit.agents.importing.reading.import_files import read_bytes, read_text
from tests.unit.agents.importing.understood_files import understand_files

# Words as they are in orders, by encoding and language.
WORDS = {
    ("cp1251", "Russian"): "Дата Клиент Сумма Анна Петрова Тула Оплачен чайник шерстяные перчатки Ёжик возврат",
    ("cp1251", "Ukrainian"): "Дата Клієнт Сума Київ Їжак сплачено Ґанок повернення Юлія",
    ("koi8_r", "Russian"): "Дата Клиент Сумма Анна Петрова Тула Оплачен чайник шерстяные перчатки возврат",
    ("cp866", "Russian"): "Дата Клиент Сумма Анна Петрова Тула Оплачен чайник шерстяные перчатки возврат",
    ("cp1252", "German"): "Größe Käufer Straße München Überweisung Jürgen weiß schön Köln",
    ("cp1252", "French"): "Hélène payé à François Noël crème Orléans reçu été “promo” 5€",
    ("cp1252", "Spanish"): "Año Muñoz Málaga camión José azúcar niña León",
    ("cp1252", "Portuguese"): "São João Gonçalves avaliação preço Antônio câmbio não",
    ("cp1252", "Swedish"): "Åsa Öberg Göteborg färg kött Malmö belopp på",
    ("cp1252", "Danish"): "Jørgen Kjær Århus beløb rødgrød Østergård blå",
    ("cp1250", "Czech"): "Jiří Dvořák Plzeň částka Kateřina žlutý tričko Ústí objednávka",
    ("cp1250", "Polish"): "Łukasz Kraków opłacone Śląsk Gdańsk książka źródło żółty",
    ("cp1250", "Hungarian"): "Győző Székesfehérvár fizetve összeg bögre fűszer Zsófia",
    ("cp1253", "Greek"): "Ημερομηνία Πελάτης Γιώργος Αθήνα πληρώθηκε Θεσσαλονίκη καφές",
    ("cp1254", "Turkish"): "Şişli ödendi kırmızı Ağrı İzmir çanta Üsküdar müşteri tutarı",
    ("cp1255", "Hebrew"): "תאריך לקוח סכום משה כהן ירושלים שולם",
    ("cp1256", "Arabic"): "التاريخ العميل المبلغ محمد القاهرة مدفوع",
    ("cp932", "Japanese"): "注文番号 顧客名 金額 田中太郎 コーヒー 支払済み",
    ("gb18030", "Chinese"): "订单号 客户 金额 王小明 北京市 已付款 咖啡杯 退款",
    ("big5", "Chinese"): "訂單編號 客戶 金額 王小明 台北市 已付款 咖啡杯",
    ("cp1252", "names of many countries"): "José Muñoz François Jürgen Ångström João Søren",
    ("cp949", "Korean"): "주문번호 고객명 금액 김철수 서울특별시 결제완료",
}


@pytest.mark.parametrize(("encoding", "language"), WORDS, ids=[f"{name}, {language}" for name, language in WORDS])
@pytest.mark.parametrize("seed", range(3))
def test_the_words_of_some_orders_tell_the_encoding(encoding: str, language: str, seed: int) -> None:
    words = WORDS[encoding, language].split()
    random.Random(seed).shuffle(words)
    text = "\n".join(f"{number},{word},2025-01-{number + 1:02d}" for number, word in enumerate(words))
    raw = b"\n".join(line for line in text.encode(encoding).split(b"\n") if not line.isascii())
    score, found = best_encoding(raw)
    assert raw.decode(found) == raw.decode(encoding)
    assert score > 0.7


def test_a_header_alone_may_be_outside_utf8(tmp_path: Path) -> None:
    table = read_text(tmp_path, "Дата;Номер;Сумма\n01.02.2025;7;10\n", "cp1251")
    assert table.names == ("Дата", "Номер", "Сумма")
    assert table.assumed["encoding"] == "cp1251"


def test_a_letter_far_down_in_the_file_decides(tmp_path: Path) -> None:
    rows = [f"2025-01-01,item {number},1" for number in range(120_000)]
    rows[110_000] = "2025-01-01,чайник и кружка,1"
    table = read_text(tmp_path, "\n".join(["day,item,sum", *rows]), "cp1251")
    assert table.rows[110_000] == (110_002, "2025-01-01", "чайник и кружка", "1")
    assert table.assumed == {"encoding": "cp1251"}


def test_a_rare_byte_excludes_encodings_that_do_not_have_it(tmp_path: Path) -> None:
    rows = [f"2025-01-01,mug\u00a0{number},1" for number in range(9_000)]
    rows[8_000:8_010] = [f"2025-01-01,Müller {number},1" for number in range(10)]  # 0x81, which cp1252 does not have
    table = read_text(tmp_path, "\n".join(["day,item,sum", *rows]), "cp437")
    assert {row[2] for row in table.rows[8_000:8_010]} == {f"Müller {number}" for number in range(10)}
    assert table.left_out == {}


def test_a_damaged_row_of_a_utf8_file_is_left_out(tmp_path: Path) -> None:
    rows = [f"2025-01-01,чайник {number},1".encode() for number in range(100)]
    rows[50] = "2025-01-01,чайник,1".encode()[:-6] + b"\xd0,1"
    table = read_bytes(tmp_path, "orders.csv", b"\n".join([b"day,item,sum", *rows]))
    assert len(table.rows) == 99
    assert table.left_out == {"unreadable": [52]}
    assert table.assumed == {"encoding": "utf-8"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be", "utf-8-sig"])
def test_unicode_is_recognised_with_and_without_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    table = read_text(tmp_path, "Дата\tКлиент\tСумма\r\n01.02.2025\tАнна\t10\r\n", encoding)
    assert (table.names, table.rows) == (("Дата", "Клиент", "Сумма"), [(2, "01.02.2025", "Анна", "10")])
    assert table.assumed.get("encoding") == (None if encoding == "utf-8-sig" else encoding)


def test_bytes_with_nuls_are_not_always_unicode() -> None:
    assert unicode_encoding(bytes(range(256)) * 4) is None
    assert unicode_encoding(b"a,b\n1,\0\n") is None


def test_a_given_encoding_is_used_and_not_reported(tmp_path: Path) -> None:
    table = read_text(tmp_path, "day,item\n2025-01-01,ёлка\n", "cp866", ReadOptions(encoding="ibm866"))
    assert (table.rows, table.assumed) == ([(2, "2025-01-01", "ёлка")], {})


def test_rows_that_are_not_in_the_given_encoding_are_left_out(tmp_path: Path) -> None:
    table = read_text(tmp_path, "day,item\n1 May,mug\n2 May,ёлка\n", "cp1251", ReadOptions(encoding="utf-8"))
    assert (table.rows, table.left_out) == ([(2, "1 May", "mug")], {"unreadable": [3]})


@pytest.mark.parametrize("name", ["klingon", "rot13", "base64", "undefined"])
def test_an_encoding_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileError, match="encoding"):
        read_text(tmp_path, "day,item\n1,2\n", options=ReadOptions(encoding=name))


def test_a_header_that_is_not_in_the_given_encoding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"line 1 is not UTF-8 .byte 0xE4 at its beginning.; give another encoding"):
        read_text(tmp_path, "день,item\n1,2\n", "cp1251", ReadOptions(encoding="utf-8"))


@pytest.mark.parametrize(
    ("names", "stray", "place"),
    [
        (("José", "Zoë", "Müller"), b"Ren\xe9e", "byte 0xE9 after 'Ren'"),
        (("Пётр", "Анна"), "Ольга ".encode() + b"\xff", "byte 0xFF after 'Ольга '"),
    ],
)
def test_a_stray_byte_leaves_its_line_out_and_the_file_utf_8(
    tmp_path: Path, names: tuple[str, ...], stray: bytes, place: str
) -> None:
    rows = [f"2025-05-0{day},{name},10\n".encode() for day, name in enumerate(names, 1)]
    content = b"".join([b"date,customer,amount\n", *rows, b"2025-05-09," + stray + b",10\n"])
    found = understand_files(tmp_path, {"a.csv": content})
    assert found.customers() == list(names)
    assert found.assumed["encoding"] == "utf-8"
    with stage([open_source(tmp_path / "a.csv")], lambda _: None) as staging:
        ((reason, count, _, detail),) = staging.tables[0].left_out.rows()
    assert (reason, count) == ("unreadable", 1)
    assert detail.startswith(f"is not UTF-8: {place} in customer; correct it, or give")
