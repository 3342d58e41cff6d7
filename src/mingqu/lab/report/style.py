"""How the report looks: on a wide screen, on a phone, and on paper. Its colors are those of the console."""

from typing import Final

STYLE: Final = """
:root{--ink:#1d2733;--soft:#5b6673;--line:#e4e7eb;--paper:#fff;--ground:#f5f7f6;--green:#0b6e5f;--amber:#b7791f;
--red:#b42318}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);
font:15px/1.55 -apple-system,"Segoe UI","PingFang SC","Noto Sans SC",
"Microsoft YaHei",Roboto,sans-serif;-webkit-text-size-adjust:100%}
header.top{background:var(--green);color:#fff;padding:30px 0 26px}
header.top h1{margin:0;font-size:26px;line-height:1.25;font-weight:650}
header.top p{margin:6px 0 0;opacity:.86}
.wrap{max-width:1120px;margin:0 auto;padding:0 24px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(132px,1fr));gap:12px;margin:-18px 0 8px}
.tile{background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:14px 16px;
box-shadow:0 1px 2px #0000000d}
.tile b{display:block;font-size:25px;font-weight:650;line-height:1.2;font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:13px}
nav{display:flex;flex-wrap:wrap;gap:6px 16px;padding:12px 0 0;font-size:14px}
nav a{color:var(--green);text-decoration:none;padding:6px 0}
section{background:var(--paper);border:1px solid var(--line);border-radius:10px;margin:16px 0;padding:20px 22px}
h2{font-size:19px;margin:0 0 4px;font-weight:650}
h2 small,h3 small{color:var(--soft);font-weight:400;font-size:14px;margin-left:8px}
h3{font-size:15.5px;margin:20px 0 4px;overflow-wrap:anywhere}
p.note{color:var(--soft);margin:2px 0 12px;max-width:76ch}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:18px}
figure{margin:0;min-width:0}
figure svg{width:100%;height:auto;display:block}
svg text{font-size:11.5px;fill:#5b6673}
svg text.t{font-size:12px;fill:#1d2733}
svg text.v{font-size:10px;fill:#c2571a}
figcaption{font-size:13px;color:var(--soft);display:flex;flex-wrap:wrap;gap:2px 14px;padding:2px 0 0 6px}
figcaption b{color:var(--ink);flex-basis:100%}
figcaption i{display:inline-block;width:12px;height:4px;border-radius:2px;margin-right:6px;vertical-align:middle}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th{color:var(--soft);font-weight:500;text-align:left;font-size:13px;white-space:nowrap}
td,th{padding:5px 12px 5px 0;border-bottom:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right;white-space:nowrap}
.narrow{max-width:560px}
td.w{overflow-wrap:anywhere;min-width:110px}
tr:last-child td{border-bottom:0}
.bar{display:inline-block;height:9px;border-radius:2px;background:#cfe3df;vertical-align:baseline}
.light{display:inline-block;border-radius:9px;padding:0 9px;color:#fff;font-size:12.5px}
.green{background:var(--green)}.amber{background:var(--amber)}.red{background:var(--red)}
code{font:12.5px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,monospace;background:#f0f3f2;border-radius:4px;
padding:1px 5px;
overflow-wrap:anywhere}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,430px),1fr));gap:4px 34px}
.var{break-inside:avoid;min-width:0}
footer{color:var(--soft);font-size:13px;padding:4px 0 40px}
@media(max-width:600px){.wrap{padding:0 14px}section{padding:16px 14px;margin:12px 0}.tile b{font-size:21px}
.tiles{grid-template-columns:repeat(2,1fr)}header.top h1{font-size:21px}td,th{padding-right:9px}table{font-size:13px}}
@media print{body{background:#fff;font-size:11px}header.top{background:#fff;color:var(--ink);padding:0 0 12px}
nav{display:none}
.tiles{margin:0 0 8px;grid-template-columns:repeat(6,1fr)}.tile{box-shadow:none;padding:8px}.tile b{font-size:16px}
section{border:0;padding:0;margin:18px 0}figure,.var,tr{break-inside:avoid}h2{break-after:avoid}
.scroll{overflow:visible}
.charts{grid-template-columns:1fr 1fr}.two{grid-template-columns:1fr 1fr}.light,.bar,svg *{print-color-adjust:exact;
-webkit-print-color-adjust:exact}}
"""
