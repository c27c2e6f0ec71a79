"""Texts that a hostile or broken peer sends where OCPP JSON is expected. Shared by the OCPP and the HTTP tests.

Each entry is (what is wrong with it, the text). Nothing here may crash a reader, hang it, or be taken for a message.
"""

from __future__ import annotations

_BIG = "9" * 5000
_DEEP = 100_000

# Broken before OCPP comes into it: any JSON reader of ours must refuse these.
HOSTILE_JSON: tuple[tuple[str, str], ...] = (
    ("empty text", ""),
    ("white space only", " \r\n\t "),
    ("nul character", "\x00"),
    ("byte order mark", '\ufeff[2,"m","Heartbeat",{}]'),
    ("not JSON", "hello"),
    ("cut off", '[2,"m","Heartbeat",{'),
    ("cut off in a string", '[2,"m","Heart'),
    ("cut off in an escape", '[2,"m","\\'),
    ("many escaped quotes, never closed", '["' + '\\"' * 60_000),
    ("text after the end", '[2,"m","Heartbeat",{}]]'),
    ("two documents", '[2,"m","Heartbeat",{}][2,"n","Heartbeat",{}]'),
    ("trailing comma", '[2,"m","Heartbeat",{},]'),
    ("single quotes", "[2,'m','Heartbeat',{}]"),
    ("comment", '[2,"m","Heartbeat",{}/**/]'),
    ("arrays 100,000 deep", "[" * _DEEP),
    ("closed arrays 100,000 deep", "[" * _DEEP + "]" * _DEEP),
    ("objects 100,000 deep", '[2,"m","DataTransfer",' + '{"a":' * _DEEP + "1" + "}" * _DEEP + "]"),
    ("33 levels deep", '[2,"m","DataTransfer",' + '{"a":' * 32 + "1" + "}" * 32 + "]"),
    ("integer of 5,000 digits", '[2,"m","Heartbeat",{"a":' + _BIG + "}]"),
    ("integer of 4,000 digits", '[2,"m","Heartbeat",{"a":' + _BIG[:4000] + "}]"),
    ("message type of 5,000 digits", "[" + _BIG + ',"m","Heartbeat",{}]'),
    ("number too large for a double", '[2,"m","Heartbeat",{"a":1e999}]'),
    ("NaN", '[2,"m","Heartbeat",{"a":NaN}]'),
    ("Infinity", '[2,"m","Heartbeat",{"a":-Infinity}]'),
    ("leading zero", '[02,"m","Heartbeat",{}]'),
    ("hexadecimal number", '[0x2,"m","Heartbeat",{}]'),
    ("escaped lone surrogate", '[2,"m","Heartbeat",{"a":"\\ud800"}]'),
    ("raw lone surrogate", '[2,"m","Heartbeat",{"a":"\ud800"}]'),
    ("raw lone surrogate as id", '[2,"\udc00","Heartbeat",{}]'),
    ("raw control character in a string", '[2,"m","Heart\nbeat",{}]'),
    ("doubled key", '[2,"m","ReserveNow",{"connectorId":1,"connectorId":2}]'),
    ("doubled key, once escaped", '[2,"m","ReserveNow",{"idTag":"a","\\u0069dTag":"b"}]'),
    ("ten megabytes", '[2,"m","DataTransfer",{"vendorId":"' + "x" * 10_000_000 + '"}]'),
    ("ten megabytes of white space", " " * 10_000_000),
    ("limit exceeded in bytes, not in characters", '[2,"m","DataTransfer",{"vendorId":"' + "\u20ac" * 60_000 + '"}]'),
)

# Good JSON, but no OCPP-J message.
HOSTILE_SHAPES: tuple[tuple[str, str], ...] = (
    ("empty array", "[]"),
    ("object", "{}"),
    ("null", "null"),
    ("number", "2"),
    ("string", '"2"'),
    ("nested empty array", "[[]]"),
    ("type as a string", '["2","m","Heartbeat",{}]'),
    ("type as a fraction", '[2.0,"m","Heartbeat",{}]'),
    ("type as a truth value", '[true,"m","Heartbeat",{}]'),
    ("type only", "[2]"),
    ("call without action", '[2,"m"]'),
    ("call without payload", '[2,"m","Heartbeat"]'),
    ("call with an extra element", '[2,"m","Heartbeat",{},{}]'),
    ("call with a thousand elements", '[2,"m"' + ",{}" * 1000 + "]"),
    ("call with a numeric action", '[2,"m",7,{}]'),
    ("call with an object as action", '[2,"m",{"a":1},{}]'),
    ("call with null action", '[2,"m",null,{}]'),
    ("call with an array as payload", '[2,"m","Heartbeat",[]]'),
    ("call with text as payload", '[2,"m","Heartbeat","{}"]'),
    ("call with a numeric id", '[2,1,"Heartbeat",{}]'),
    ("call with null id", '[2,null,"Heartbeat",{}]'),
    ("call with an empty id", '[2,"","Heartbeat",{}]'),
    ("call with an array as id", '[2,["m"],"Heartbeat",{}]'),
    ("call with an id of 37 characters", '[2,"' + "m" * 37 + '","Heartbeat",{}]'),
    ("call with an id of 100,000 characters", '[2,"' + "m" * 100_000 + '","Heartbeat",{}]'),
    ("result without payload", '[3,"m"]'),
    ("result with a number as payload", '[3,"m",5]'),
    ("result with an extra element", '[3,"m",{},{}]'),
    ("error without details", '[4,"m","GenericError",""]'),
    ("error with a numeric code", '[4,"m",1,"",{}]'),
    ("error with a numeric description", '[4,"m","GenericError",1,{}]'),
    ("error with text as details", '[4,"m","GenericError","","x"]'),
)

HOSTILE_FRAMES = HOSTILE_JSON + HOSTILE_SHAPES

# Message types that OCPP-J 1.6 does not have: their payload is ignored (4.1.3), nothing is answered.
UNKNOWN_TYPES: tuple[tuple[str, str], ...] = (
    ("2.1 CALLRESULTERROR", '[5,"m","GenericError","",{}]'),
    ("2.1 SEND", '[6,"m","NotifyPeriodicEventStream",{}]'),
    ("type 0", '[0,"m",{}]'),
    ("negative type", '[-2,"m","Heartbeat",{}]'),
    ("type of 18 digits", '[999999999999999999,"m","Heartbeat",{}]'),
    ("unknown type without id", "[9]"),
)
