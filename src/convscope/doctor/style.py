"""The look of the report."""

STYLE = """
:root{color-scheme:light dark;--paper:#fbfaf7;--card:#fff;--ink:#20242a;--soft:#5b626c;--line:#dcd9d1;--good:#23704a;
--problem:#a8281e;--doubt:#8a5a00;--remark:#2c5d8f;--bar:#4a7fb5;--none:#eceae4}
@media (prefers-color-scheme:dark){:root{--paper:#16191d;--card:#1f2328;--ink:#e8e6e1;--soft:#a3a9b2;--line:#363b42;
--good:#6cc795;--problem:#f0877d;--doubt:#e0b25a;--remark:#85b5e6;--bar:#5f97d0;--none:#2a2f36}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1080px;margin:0 auto;padding:2rem 1.25rem 4rem}
h1{margin:0;font-size:1.8rem;overflow-wrap:anywhere}
h2{margin:2.5rem 0 .2rem;font-size:1.35rem}
h3{display:inline;margin:0;font-size:1.05rem}
.sub,footer{color:var(--soft);margin:.1rem 0 1rem}
code{font:.9em ui-monospace,"Cascadia Mono",Menlo,monospace;background:var(--none);padding:.1em .35em;border-radius:4px;
overflow-wrap:anywhere}
code b{font-weight:inherit;white-space:nowrap}
.tiles{display:flex;flex-wrap:wrap;gap:.75rem;list-style:none;padding:0}
.tiles li{flex:1 1 9rem;background:var(--card);border:1px solid var(--line);border-left-width:5px;border-radius:8px;
padding:.6rem .9rem;color:var(--soft)}
.tiles b{display:block;font-size:1.7rem;line-height:1.2;color:var(--ink)}
.tiles .good{border-left-color:var(--good)}.tiles .problem{border-left-color:var(--problem)}
.tiles .doubt{border-left-color:var(--doubt)}.tiles .remark{border-left-color:var(--remark)}
.problem h2{color:var(--problem)}.doubt h2{color:var(--doubt)}.remark h2{color:var(--remark)}
section>details{background:var(--card);border:1px solid var(--line);border-radius:8px;margin:.6rem 0;padding:.6rem 1rem}
summary{cursor:pointer}
summary span{color:var(--soft);font-variant-numeric:tabular-nums}
details p{margin:.4rem 0;color:var(--soft)}
.cards{display:flex;flex-wrap:wrap;gap:.9rem;align-items:flex-start}
figure{margin:.4rem 0;width:164px}
figure img{display:block;border-radius:6px;max-width:160px;height:auto;border:1px solid var(--line)}
.none{display:grid;place-items:center;width:160px;height:96px;border-radius:6px;color:var(--soft);font-weight:600;
background:repeating-linear-gradient(45deg,var(--none) 0 10px,transparent 10px 20px);border:1px dashed var(--line)}
figcaption{font-size:.8rem;line-height:1.35;color:var(--soft);overflow-wrap:anywhere;margin-top:.3rem}
figcaption b{color:var(--ink);font-weight:600}
.same{border-top:1px solid var(--line);padding:.5rem 0}
.same.across{border-left:4px solid var(--problem);padding-left:.8rem}
.names{font-size:.85rem;padding-left:1.2rem;color:var(--soft)}
svg{display:block;width:100%;max-width:640px}
svg text{fill:var(--ink);font-size:13px}svg .count{fill:var(--soft)}svg rect{fill:var(--bar)}
"""
