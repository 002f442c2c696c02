"""Written English to spoken: a table of what people write, and what must hold for any text at all."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py.tts.spoken import spoken

CASES = [
    # numbers
    ("0", "zero"),
    ("7", "seven"),
    ("-7", "minus seven"),
    ("+5", "plus five"),
    ("10", "ten"),
    ("101", "one hundred one"),
    ("1000", "one thousand"),
    ("1,234,567", "one million two hundred thirty four thousand five hundred sixty seven"),
    ("1000000000000", "one trillion"),
    ("1234567890123456", "one two three four five six seven eight nine zero one two three four five six"),
    ("0.5", "zero point five"),
    (".5", "zero point five"),
    ("3.14", "three point one four"),
    ("-0.25", "minus zero point two five"),
    ("1.50", "one point five zero"),
    ("007", "zero zero seven"),
    ("100 000 000", "one hundred million"),
    ("10'000", "ten thousand"),
    ("100k", "one hundred thousand"),
    ("1e-5", "one times ten to the power of minus five"),
    ("12345", "twelve thousand three hundred forty five"),
    ("it costs 3.", "it costs three."),
    ("1, 2, 3", "one, two, three"),
    ("1,2,3", "one, two, three"),
    # ordinals and ranks
    ("1st", "first"),
    ("2nd", "second"),
    ("3rd", "third"),
    ("11th", "eleventh"),
    ("22nd", "twenty second"),
    ("103rd", "one hundred third"),
    ("the 21st century", "the twenty first century"),
    ("1st-3rd", "first to third"),
    # fractions
    ("1/2", "one half"),
    ("3/4", "three quarters"),
    ("2/3", "two thirds"),
    ("1 1/2", "one and one half"),
    ("½", "one half"),
    ("1½", "one and one half"),
    ("5/2", "five over two"),
    ("50/50", "fifty fifty"),
    ("24/7", "twenty four seven"),
    # times
    ("3:05 PM", "three oh five P M"),
    ("3:00 PM", "three P M"),
    ("3pm", "three P M"),
    ("3 p.m.", "three P M."),
    ("9:05 a.m. Then go", "nine oh five A M. Then go"),
    ("12:00 PM", "noon"),
    ("12:00 AM", "midnight"),
    ("15:00", "fifteen hundred"),
    ("15:05", "fifteen oh five"),
    ("9:00", "nine o'clock"),
    ("09:05", "nine oh five"),
    ("00:30", "twelve thirty A M"),
    ("00:00", "midnight"),
    ("15:45:10", "fifteen forty five and ten seconds"),
    ("at 7:00 AM.", "at seven A M."),
    ("It's 5:30.", "It's five thirty."),
    ("9:00-17:00", "nine o'clock to seventeen hundred"),
    ("9am-5pm", "nine A M to five P M"),
    ("9 A.M. - 5 P.M.", "nine A M to five P M."),
    ("12.30 pm", "twelve thirty P M"),
    ("3:05 p.m. today", "three oh five P M today"),
    ("5:01 am", "five oh one A M"),
    # dates
    ("2026-11-22", "November twenty second, twenty twenty six"),
    ("2026-11-22T15:05:00Z", "November twenty second, twenty twenty six, fifteen oh five U T C"),
    ("11/22/2026", "November twenty second, twenty twenty six"),
    ("22/11/2026", "November twenty second, twenty twenty six"),
    ("November 22nd", "November twenty second"),
    ("November 22", "November twenty second"),
    ("Nov. 22, 2026", "November twenty second, twenty twenty six"),
    ("22 November 2026", "the twenty second of November, twenty twenty six"),
    ("on the 1st of May", "on the first of May"),
    ("Mon, 22 Nov", "Monday, the twenty second of November"),
    ("June 1st, 2020", "June first, twenty twenty"),
    ("May 2026", "May twenty twenty six"),
    ("In 1999 and since 2007", "In nineteen ninety nine and since two thousand seven"),
    ("from 1990 to 1995", "from nineteen ninety to nineteen ninety five"),
    ("1990-1995", "nineteen ninety to nineteen ninety five"),
    ("the 1990s", "the nineteen nineties"),
    ("the '80s", "the eighties"),
    ("the year 1066", "the year ten sixty six"),
    ("born in 1905.", "born in nineteen oh five."),
    ("May I go", "May I go"),
    # units
    ("20°C", "twenty degrees Celsius"),
    ("20 °C", "twenty degrees Celsius"),
    ("-5°C", "minus five degrees Celsius"),
    ("68°F", "sixty eight degrees Fahrenheit"),
    ("90°", "ninety degrees"),
    ("5 km", "five kilometers"),
    ("1 km", "one kilometer"),
    ("3 kg", "three kilograms"),
    ("10%", "ten percent"),
    ("10 %", "ten percent"),
    ("2.5 GB", "two point five gigabytes"),
    ("512 MB", "five hundred twelve megabytes"),
    ("15ms", "fifteen milliseconds"),
    ("100 km/h", "one hundred kilometers per hour"),
    ("65 mph", "sixty five miles per hour"),
    ("40 W", "forty watts"),
    ("1.5 kWh", "one point five kilowatt hours"),
    ("2.4 GHz", "two point four gigahertz"),
    ("50 Hz", "fifty hertz"),
    ("100 Mbps", "one hundred megabits per second"),
    ("10 MB/s", "ten megabytes per second"),
    ("3 dB", "three decibels"),
    ("5 m²", "five square meters"),
    ("2 m^3", "two cubic meters"),
    ("1 ft", "one foot"),
    ("6 ft", "six feet"),
    ("5'10\"", "five foot ten"),
    ("5 ft 3 in", "five feet three inches"),
    ("10-15%", "ten to fifteen percent"),
    ("10°C-20°C", "ten degrees Celsius to twenty degrees Celsius"),
    ("1h 30m", "one hour thirty minutes"),
    ("2m 30s", "two minutes thirty seconds"),
    ("10 min.", "ten minutes."),
    ("5 sec", "five seconds"),
    ("±0.5 °C", "plus or minus zero point five degrees Celsius"),
    ("in 1500 meters", "in one thousand five hundred meters"),
    ("3 in the box", "three in the box"),
    # money
    ("$5.20", "five dollars and twenty cents"),
    ("$5", "five dollars"),
    ("$1", "one dollar"),
    ("$0.99", "ninety nine cents"),
    ("$0.01", "one cent"),
    ("$1,234.56", "one thousand two hundred thirty four dollars and fifty six cents"),
    ("$1.5 million", "one point five million dollars"),
    ("$5M", "five million dollars"),
    ("-$5", "minus five dollars"),
    ("US$5", "five dollars"),
    ("€3", "three euros"),
    ("€1.50", "one euro and fifty cents"),
    ("5€", "five euros"),
    ("20 USD", "twenty dollars"),
    ("£2.50", "two pounds and fifty pence"),
    ("£1", "one pound"),
    ("¥500", "five hundred yen"),
    ("50¢", "fifty cents"),
    ("$5-$10", "five dollars to ten dollars"),
    ("$3.50/hr", "three dollars and fifty cents per hour"),
    # ranges and arithmetic
    ("3-5", "three to five"),
    ("3–5", "three to five"),
    ("pages 10-20", "pages ten to twenty"),
    ("5 - 3", "five minus three"),
    ("2 - 4 hours", "two to four hours"),
    ("3 - 5 = -2", "three minus five equals minus two"),
    ("2+3=5", "two plus three equals five"),
    ("2 + 3 = 5", "two plus three equals five"),
    ("2 x 3", "two times three"),
    ("2*3", "two times three"),
    ("(1+2)*3", "one plus two, times three"),
    ("6 / 2", "six divided by two"),
    ("6 ÷ 2", "six divided by two"),
    ("2^3", "two cubed"),
    ("x^2", "x squared"),
    ("2**8", "two to the power of eight"),
    ("1920x1080", "one thousand nine hundred twenty by one thousand eighty"),
    ("5 > 3", "five greater than three"),
    ("5 <= 3", "five less than or equal to three"),
    ("a != b", "a is not equal to b"),
    ("√9", "square root of nine"),
    ("1.5x", "one point five times"),
    ("x -> y", "x to y"),
    # telephone and identifiers
    ("555-1234", "five five five, one two three four"),
    ("(555) 123-4567", "five five five, one two three, four five six seven"),
    ("+1 555 123 4567", "one, five five five, one two three, four five six seven"),
    ("555.123.4567", "five five five, one two three, four five six seven"),
    ("1-800-555-1234", "one, eight zero zero, five five five, one two three four"),
    ("call 911", "call nine one one"),
    ("code 4711", "code four seven one one"),
    ("PIN 0042", "PIN zero zero four two"),
    ("4111 1111 1111 1111", "four one one one, one one one one, one one one one, one one one one"),
    ("1-2-3", "one, two, three"),
    ("#5", "number five"),
    # addresses
    ("192.168.1.42", "one nine two dot one six eight dot one dot four two"),
    ("10.0.0.15", "one zero dot zero dot zero dot one five"),
    ("255.255.255.0", "two five five dot two five five dot two five five dot zero"),
    ("https://example.com/path?x=1", "example dot com slash path question mark x equals one"),
    ("www.example.com", "W W W dot example dot com"),
    ("see example.com.", "see example dot com."),
    ("john.doe@example.co.uk", "john dot doe at example dot co dot uk"),
    ("aa:bb:cc:dd:ee:ff", "A A, B B, C C, D D, E E, F F"),
    ("http://localhost:8080/", "localhost colon eight zero eight zero"),
    ("/etc/hosts", "slash etc slash hosts"),
    ("~/.config", "tilde slash dot config"),
    ("config.yaml", "config dot yaml"),
    ("v1.2", "version one point two"),
    ("1.2.3", "one point two point three"),
    ("Python 3.11", "Python three point one one"),
    # abbreviations
    ("Dr. Smith", "Doctor Smith"),
    ("Mr. and Mrs. Jones", "Mister and Missus Jones"),
    ("Prof. Lee", "Professor Lee"),
    ("St. Louis", "Saint Louis"),
    ("123 Main St.", "one hundred twenty three Main Street."),
    ("e.g. this", "for example, this"),
    ("i.e., that", "that is, that"),
    ("apples, pears, etc.", "apples, pears, et cetera."),
    ("A vs. B", "A versus B"),
    ("No. 5", "number five"),
    ("No. I won't", "No. I won't"),
    ("approx. 5", "approximately five"),
    ("J. R. R. Tolkien", "J R R Tolkien"),
    ("the U.S. Army", "the U S Army"),
    ("in the U.S.", "in the U S."),
    ("John F. Kennedy", "John F Kennedy"),
    ("Acme Inc. It", "Acme Incorporated. It"),
    ("Ph.D. thesis", "P H D thesis"),
    ("w/o sugar", "without sugar"),
    # acronyms
    ("USB", "U S B"),
    ("CPUs", "C P U's"),
    ("the CPU's load", "the C P U's load"),
    ("API", "A P I"),
    ("HTTP", "H T T P"),
    ("RAM", "RAM"),
    ("NASA", "NASA"),
    ("STOP", "STOP"),
    ("OK", "okay"),
    ("MP3", "M P three"),
    ("RTX 4090", "R T X four thousand ninety"),
    ("USB-C", "U S B-C"),
    ("GPT-4", "G P T four"),
    ("3D", "three D"),
    ("4K", "four K"),
    ("CO2", "C O two"),
    ("H2O", "H two O"),
    ("TCP/IP", "T C P I P"),
    ("GPIO 17", "G P I O seventeen"),
    ("COVID-19", "COVID nineteen"),
    # signs and markup
    ("a & b", "a and b"),
    ("AT&T", "A T and T"),
    ("C++", "C plus plus"),
    ("~5", "about five"),
    ("and/or", "and or"),
    ("**bold** and *it* `code`", "bold and it code"),
    ("# Title", "Title"),
    ("- one\n- two", "one. two"),
    ("1. one\n2. two", "one. two"),
    ("[link](http://x.y)", "link"),
    ("<b>x</b> y", "x y"),
    ("A line\nAnother", "A line. Another"),
    ("a wrapped\nline", "a wrapped line"),
    ("😀 hi 👍🏽", "hi"),
    ("“quoted” ‘it’s’", "quoted it's"),
    ("it’s", "it's"),
    ("don't 'do' it", "don't do it"),
    ("wait…what", "wait, what"),
    ("well-known — really", "well-known, really"),
    ("Wow!!! Really?!", "Wow! Really?"),
    ("(in brackets) ok", "in brackets, ok"),
    ("foo_bar", "foo bar"),
    ("café", "café"),
    ("٣٤", "thirty four"),
    # nothing
    ("", ""),
    ("   ", ""),
    ("...", ""),
    ("!!!", ""),
    ("-", ""),
    ("😀", ""),
    ("**", ""),
    ("\n\n", ""),
]


@pytest.mark.parametrize(("written", "said"), CASES, ids=lambda text: ascii(text)[:40])
def test_a_text_is_read_as_people_say_it(written: str, said: str) -> None:
    assert spoken(written) == said


@pytest.mark.parametrize("said", sorted({said for _, said in CASES}), ids=lambda text: ascii(text)[:40])
def test_what_was_read_once_is_read_the_same_again(said: str) -> None:
    assert spoken(said) == said


SENTENCE = "It is 20°C at 3:05 PM; $5.20 (10% off) on 2026-11-22, see https://example.com or call 555-1234."


def test_rules_do_not_disturb_each_other_in_one_sentence() -> None:
    assert spoken(SENTENCE) == (
        "It is twenty degrees Celsius at three oh five P M; five dollars and twenty cents, ten percent off, on "
        "November twenty second, twenty twenty six, see example dot com or call five five five, one two three four."
    )


PIECES = st.sampled_from([w for w, _ in CASES] + list(" .,:;-/$%°'\"\n()*_#<>&=+x0123456789aAeEpPmM"))
ANY_TEXT = (
    st.text(max_size=300) | st.lists(PIECES, max_size=30).map("".join) | st.lists(PIECES, max_size=30).map(" ".join)
)


@given(ANY_TEXT)
def test_any_text_becomes_one_line_of_letters_and_punctuation(text: str) -> None:
    said = spoken(text)
    assert all(c.isalpha() or c in " .,;:!?'-" or unicodedata.category(c)[0] == "M" for c in said)
    assert said == said.strip()
    assert said == "" or any(c.isalpha() for c in said)
    assert spoken(text) == said


@given(st.integers(0, 10**15 - 1))
def test_every_quantity_is_said_in_words(value: int) -> None:
    from firmware_py.tts.numbers import cardinal

    assert spoken(f"{value}") == spoken(f"{value:,}") == cardinal(value)


HOSTILE = [
    "1",
    "a",
    "A",
    " ",
    "\n",
    "_",
    "*",
    "a.",
    "a@",
    "1,234,",
    "$1",
    "1:1",
    "[a](",
    "```a",
    "<a ",
    "May 5 ",
    "A. ",
]


@pytest.mark.parametrize("unit", HOSTILE, ids=ascii)
def test_a_long_hostile_text_is_read_to_its_end(unit: str) -> None:
    """Each of these would take minutes at 40,000 characters if one rule were quadratic in the text."""
    said = spoken(unit * (40_000 // len(unit)) + " end")
    assert said.endswith("end")
