"""The tables behind spoken English: units, money, months, abbreviations, acronyms, symbols."""

from __future__ import annotations

MONTHS = {
    "jan": "January",
    "feb": "February",
    "mar": "March",
    "apr": "April",
    "may": "May",
    "jun": "June",
    "jul": "July",
    "aug": "August",
    "sep": "September",
    "oct": "October",
    "nov": "November",
    "dec": "December",
}
MONTH_NAMES = tuple(MONTHS.values())
WEEKDAYS = {
    "mon": "Monday",
    "tue": "Tuesday",
    "wed": "Wednesday",
    "thu": "Thursday",
    "fri": "Friday",
    "sat": "Saturday",
    "sun": "Sunday",
}

_PREFIX_NAMES = {
    "p": "pico",
    "n": "nano",
    "u": "micro",
    "μ": "micro",
    "m": "milli",
    "c": "centi",
    "h": "hecto",
    "k": "kilo",
    "K": "kilo",
    "M": "mega",
    "G": "giga",
    "T": "tera",
    "Ki": "kibi",
    "Mi": "mebi",
    "Gi": "gibi",
}
_SCALED_UNITS = {
    "B": ("byte", "k K M G T Ki Mi Gi"),
    "b": ("bit", "k M G"),
    "bit": ("bit", "k M G"),
    "bps": ("bit per second", "k K M G"),
    "Hz": ("hertz", "k M G"),
    "W": ("watt", "m k M G"),
    "Wh": ("watt hour", "m k M"),
    "V": ("volt", "m k"),
    "A": ("amp", "m μ"),
    "Ah": ("amp hour", "m"),
    "Pa": ("pascal", "h k"),
    "J": ("joule", "k"),
    "m": ("meter", "n μ m c k"),
    "g": ("gram", "m μ k"),
    "l": ("liter", "m c"),
    "L": ("liter", "m c"),
    "s": ("second", "n μ u m"),
    "F": ("farad", "p n μ"),
    "Ω": ("ohm", "k M"),
}
_UNITS = {
    "sec": "second",
    "secs": "second",
    "min": "minute",
    "mins": "minute",
    "h": "hour",
    "hr": "hour",
    "hrs": "hour",
    "lb": "pound",
    "lbs": "pound",
    "oz": "ounce",
    "ft": "foot",
    "sq ft": "square foot",
    "yd": "yard",
    "mi": "mile",
    "mph": "mile per hour",
    "mpg": "mile per gallon",
    "kph": "kilometer per hour",
    "kmh": "kilometer per hour",
    "gal": "gallon",
    "ha": "hectare",
    "cal": "calorie",
    "kcal": "kilocalorie",
    "bar": "bar",
    "mbar": "millibar",
    "rpm": "revolution per minute",
    "fps": "frame per second",
    "px": "pixel",
    "MP": "megapixel",
    "dB": "decibel",
    "C": "degree Celsius",
    "F": "degree Fahrenheit",
    "°C": "degree Celsius",
    "°F": "degree Fahrenheit",
    "°": "degree",
    "%": "percent",
    "m^2": "square meter",
    "km^2": "square kilometer",
    "cm^2": "square centimeter",
    "m^3": "cubic meter",
    "cm^3": "cubic centimeter",
}


def _units() -> dict[str, str]:
    table = {symbol: word for symbol, (word, _) in _SCALED_UNITS.items()}
    for symbol, (word, prefixes) in _SCALED_UNITS.items():
        table.update({prefix + symbol: _PREFIX_NAMES[prefix] + word for prefix in prefixes.split()})
    return table | _UNITS


UNITS = _units()
"""Symbol -> singular: ``"km"`` -> "kilometer"."""


def plural_unit(singular: str) -> str:
    """The plural of a unit: the noun before "per" or before "Celsius" takes it."""
    if singular == "percent":
        return singular
    for tail in (" per ", " Celsius", " Fahrenheit"):
        head, found, rest = singular.partition(tail)
        if found:
            return plural_unit(head) + found + rest
    if singular.endswith("foot"):
        return singular[:-4] + "feet"
    return singular if singular.endswith("hertz") else singular + "s"


UNIT_NAMES = tuple(sorted({name for unit in UNITS.values() for name in (unit, plural_unit(unit))}))


CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "¥": ("yen", "yen", "", ""),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₩": ("won", "won", "", ""),
    "₽": ("ruble", "rubles", "kopeck", "kopecks"),
}
"""Symbol -> one, many, one hundredth, hundredths ("" where there are none)."""
CURRENCY_CODES = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"}
SCALE_LETTERS = {"k": "thousand", "K": "thousand", "m": "million", "M": "million", "bn": "billion", "B": "billion"}

FRACTIONS = {2: "half", 3: "third", 4: "quarter", 100: "hundredth"}
"""Denominators whose name is not the ordinal."""
FRACTION_DENOMINATORS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 20, 32, 64, 100)

ABBREVIATIONS = {
    "Mr": "Mister",
    "Mrs": "Missus",
    "Ms": "Miz",
    "Prof": "Professor",
    "Capt": "Captain",
    "Sgt": "Sergeant",
    "Gen": "General",
    "Rev": "Reverend",
    "Sr": "Senior",
    "Jr": "Junior",
    "Inc": "Incorporated",
    "Ltd": "Limited",
    "Corp": "Corporation",
    "Ave": "Avenue",
    "Blvd": "Boulevard",
    "Rd": "Road",
    "Hwy": "Highway",
    "Mt": "Mount",
    "dept": "department",
    "Dept": "Department",
    "govt": "government",
    "approx": "approximately",
    "Approx": "Approximately",
    "vs": "versus",
    "temp": "temperature",
    "Temp": "Temperature",
    "max": "maximum",
    "Max": "Maximum",
    "est": "established",
    "incl": "including",
    "excl": "excluding",
    "esp": "especially",
    "cf": "compare",
    "viz": "namely",
}
"""Written with a point: ``Mr.``."""

PRONOUNCED = {
    "OK": "okay",
    "JSON": "Jason",
    "YAML": "yammel",
    "JPEG": "J peg",
    "WIFI": "Wi-Fi",
    "WiFi": "Wi-Fi",
    "SQLite": "S Q lite",
    "NVIDIA": "en vidia",
    "Nvidia": "en vidia",
    "IPv4": "I P version four",
    "IPv6": "I P version six",
    "IoT": "I o T",
    "eMMC": "e M M C",
    "macOS": "mac O S",
    "iOS": "i O S",
    "GHz": "gigahertz",
    "MHz": "megahertz",
    "kHz": "kilohertz",
    "km/h": "kilometers per hour",
    "m/s": "meters per second",
}
"""Said as a word that its letters do not show."""

_SPELLED = """
AC ADC AEC AED AI AKA API APIs AWS BIOS CEO CEOs CLI CPU CPUs DIY EEPROM EQ ETA EU EV EVs FAQ FAQs GPIO GPU GPUs GUI
HDMI IBM ID IDE IDs IEEE IMAP IO IP IPA IR ISO ISP LED LEDs MCU OLED OS PCIe UART UDP UFO UHF UI UID UK UN URL URLs
USA USB UTC UUID UV UX
"""
SPELLED = frozenset(_SPELLED.split())
"""Acronyms with vowels that are said letter by letter; those without a vowel always are."""

SYMBOLS = {
    "&": " and ",
    "@": " at ",
    "%": " percent ",
    "°": " degrees ",
    "=": " equals ",
    "+": " plus ",
    "<": " less than ",
    ">": " greater than ",
    "×": " times ",
    "÷": " divided by ",
    "±": " plus or minus ",
    "≈": " about ",
    "≠": " is not equal to ",
    "≤": " less than or equal to ",
    "≥": " greater than or equal to ",
    "√": " square root of ",
    "∞": " infinity ",
    "π": " pi ",
    "Ω": " ohms ",
    "μ": " micro ",
    "→": " to ",
    "⇒": " to ",
    "←": " from ",
    "$": " dollars ",
    "€": " euros ",
    "£": " pounds ",
    "¥": " yen ",
    "₹": " rupees ",
    "¢": " cents ",
    "§": " section ",
    "\\": " backslash ",
    "|": ", ",
    "(": ", ",
    ")": ", ",
    "[": ", ",
    "]": ", ",
    "{": ", ",
    "}": ", ",
}
"""What a symbol becomes that no other rule has read; every symbol that is not here is dropped."""
