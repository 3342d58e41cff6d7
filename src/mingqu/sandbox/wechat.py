"""WeChat sign-in: the page that asks the person, the code it gives, and what a server gets for the code.

Official-account OAuth2 (snsapi_base) and mini-program code exchange, as documented in 2026. Answers are JSON with
status 200 in either case; an error has `errcode`. Call names for the fault knobs: wechat.token, wechat.session.
"""

from __future__ import annotations

import json
import secrets
from collections import defaultdict, deque
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from mingqu.sandbox.book import Book, Row
from mingqu.sandbox.faults import Faults
from mingqu.sandbox.time import Time, read, utc
from mingqu.sandbox.wire import Call, Reply, json_reply, redirect

TOKEN_LIFE: Final = timedelta(hours=2)
CODE_LIFE: Final = timedelta(minutes=5)
EXCHANGES_A_MINUTE_MAX: Final = 100
ORDER: Final = ("appid", "redirect_uri", "response_type", "scope", "state")  # of parameters; WeChat refuses another


class Wechat:
    """One app's WeChat."""

    def __init__(self, *, book: Book, time: Time, faults: Faults, appid: str, secret: str) -> None:
        self.book, self.time, self.faults, self.appid, self.secret = book, time, faults, appid, secret
        self._exchanged: defaultdict[str, deque[datetime]] = defaultdict(deque)  # of each person, by time

    def know(self, *, openid: str, nickname: str, blocked: bool = False) -> None:
        """Let somebody have WeChat; `blocked` is one whom WeChat thinks a risk."""
        with self.book.writing():
            self.book.write(
                "INSERT OR REPLACE INTO wechat_person (openid, nickname, blocked) VALUES (?, ?, ?)",
                (openid, nickname, int(blocked)),
            )

    def people(self) -> list[Row]:
        """Return everybody who has WeChat here."""
        return self.book.rows("SELECT * FROM wechat_person ORDER BY nickname, openid")

    def new_code(self, *, openid: str) -> str:
        """Return a code that stands for somebody for five minutes, once."""
        code = secrets.token_urlsafe(24)
        with self.book.writing():
            self.book.write(
                "INSERT INTO wechat_code (code, openid, made_at) VALUES (?, ?, ?)", (code, openid, utc(self.time.now()))
            )
        return code

    def authorized(self, call: Call, *, openid: str) -> Reply:
        """Send the browser back to the app with a code."""
        back = call.parameters.get("redirect_uri", "")
        if not back.startswith(("http://", "https://")):
            return json_reply({"errcode": 10003, "errmsg": "redirect_uri 域名与后台配置不一致"})
        joint = "&" if "?" in back else "?"
        state = quote(call.parameters.get("state", ""), safe="")
        return redirect(f"{back}{joint}code={self.new_code(openid=openid)}&state={state}")

    def handle(self, call: Call) -> Reply:
        """Answer the app's server."""
        asked = call.parameters
        if call.path == "/sns/oauth2/access_token":
            return self._met("wechat.token", lambda: self._exchange(asked, asked.get("code", ""), mini_program=False))
        if call.path == "/sns/jscode2session":
            return self._met(
                "wechat.session", lambda: self._exchange(asked, asked.get("js_code", ""), mini_program=True)
            )
        if call.path == "/cgi-bin/stable_token" and call.method == "POST":
            return self._met("wechat.access_token", lambda: self._give_token(_body(call)))
        if call.path == "/cgi-bin/message/subscribe/send" and call.method == "POST":
            return self._met("wechat.message", lambda: self._take_message(asked, _body(call)))
        return json_reply({"errcode": 404, "errmsg": "not found"}, status=404)

    def accept(self, *, openid: str, template_id: str, times: int = 1) -> None:
        """Let somebody accept messages of a template, each time for one (wx.requestSubscribeMessage)."""
        with self.book.writing():
            self.book.write(
                """INSERT INTO wechat_accepted VALUES (?, ?, ?) ON CONFLICT (openid, template_id)
                   DO UPDATE SET left_over = left_over + excluded.left_over""",
                (openid, template_id, times),
            )

    def messages(self, *, openid: str) -> list[Any]:
        """Return what somebody was told inside WeChat, the oldest first."""
        return list(self.book.kept(f"wechat.messages.{openid}", []))

    def _give_token(self, asked: dict[str, Any]) -> Reply:
        if (asked.get("appid"), asked.get("secret")) != (self.appid, self.secret):
            return json_reply({"errcode": 40125, "errmsg": "invalid appsecret"})
        until, token = self.time.now() + TOKEN_LIFE, secrets.token_urlsafe(32)
        with self.book.writing():
            kept = self.book.kept("wechat.access_token", None)
            if kept is not None and self.time.now() < read(kept["until"]):
                until, token = read(kept["until"]), kept["token"]  # stable: the same one until it ends
            else:
                self.book.keep("wechat.access_token", {"token": token, "until": utc(until)})
        left = int((until - self.time.now()).total_seconds())
        return json_reply({"access_token": token, "expires_in": max(left, 1)})

    def end_token(self) -> None:
        """Let the access token be over before its time."""
        with self.book.writing():
            self.book.keep("wechat.access_token", None)

    def _take_message(self, asked: dict[str, str], message: dict[str, Any]) -> Reply:
        kept = self.book.kept("wechat.access_token", None)
        if kept is None or asked.get("access_token") != kept["token"] or self.time.now() >= read(kept["until"]):
            return json_reply({"errcode": 40001, "errmsg": "invalid credential"})
        openid, template_id = str(message.get("touser", "")), str(message.get("template_id", ""))
        with self.book.writing():
            allowed = self.book.write(
                """UPDATE wechat_accepted SET left_over = left_over - 1
                   WHERE openid = ? AND template_id = ? AND left_over > 0""",
                (openid, template_id),
            )
            if not allowed:
                return json_reply({"errcode": 43101, "errmsg": "user refuse to accept the msg"})
            told = {"template_id": template_id, "data": message.get("data")}
            self.book.keep(f"wechat.messages.{openid}", [*self.messages(openid=openid), told])
        return json_reply({"errcode": 0, "errmsg": "ok"})

    def _met(self, name: str, do: Any) -> Reply:
        return self.faults.carry(
            name,
            do=do,
            refuse=lambda: json_reply({"errcode": 45011, "errmsg": "api minute-quota reach limit"}),
            sign=lambda reply: reply,
            missign=lambda reply: reply,
        )

    def _is_too_often(self, openid: str) -> bool:
        """Count an exchange of mini-program codes; 100 a minute are allowed for one person."""
        times, now = self._exchanged[openid], self.time.now()
        while times and times[0] <= now - timedelta(minutes=1):
            times.popleft()
        times.append(now)
        return len(times) > EXCHANGES_A_MINUTE_MAX

    def _exchange(self, asked: dict[str, str], code: str, *, mini_program: bool) -> Reply:
        if asked.get("appid") != self.appid:
            return json_reply({"errcode": 40013, "errmsg": "invalid appid"})
        if not secrets.compare_digest(asked.get("secret", "").encode(), self.secret.encode()):
            return json_reply({"errcode": 40125, "errmsg": "invalid appsecret"})
        with self.book.writing():
            row = self.book.row("SELECT * FROM wechat_code WHERE code = ?", (code,))
            if row is None or row["used"] or self.time.now() > read(row["made_at"]) + CODE_LIFE:
                return json_reply({"errcode": 40029, "errmsg": "invalid code"})
            self.book.write("UPDATE wechat_code SET used = 1 WHERE code = ?", (code,))
        if mini_program and self._is_too_often(row["openid"]):
            return json_reply({"errcode": 45011, "errmsg": "api minute-quota reach limit"})
        person = self.book.row("SELECT blocked FROM wechat_person WHERE openid = ?", (row["openid"],))
        if person is not None and person["blocked"]:
            return json_reply({"errcode": 40226, "errmsg": "code blocked"})
        if mini_program:
            return json_reply({"openid": row["openid"], "session_key": secrets.token_urlsafe(16)})
        return json_reply(
            {
                "access_token": secrets.token_urlsafe(32), "expires_in": 7200,
                "refresh_token": secrets.token_urlsafe(32),
                "openid": row["openid"], "scope": "snsapi_base",
            }
        )  # fmt: skip


def _body(call: Call) -> dict[str, Any]:
    try:
        content = json.loads(call.body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
