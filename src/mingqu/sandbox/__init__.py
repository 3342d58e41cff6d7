"""The other side, played locally: WeChat Pay, WeChat, a bank, an identity checker, messages, a bureau.

Each is a server of its own that verifies every signature it receives, signs every answer, keeps its own book and
misbehaves on request. It shares no code with the channels that talk to it: a rule misread once would be misread twice.
docs/reference/sandbox.md says what can be done with it.
"""

from mingqu.sandbox.keys import PARTIES as PARTIES
from mingqu.sandbox.sandbox import Sandbox as Sandbox
