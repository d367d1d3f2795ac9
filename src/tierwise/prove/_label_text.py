"""The labelling page itself: its markup, style, script and headers."""

from __future__ import annotations

from typing import Final

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Final = (
    (
        "Content-Security-Policy",
        _POLICY,
    ),
    ("Cache-Control", "no-store"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)

PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Which answer is better?</title>
<link rel="stylesheet" href="page.css">
<script src="page.js" defer></script>
</head>
<body>
<header>
<h1>Which answer is better?</h1>
<p id="who"></p>
<progress id="bar" value="0" max="1"></progress>
<p id="far" role="status"></p>
</header>
<main id="main" hidden>
<section><h2>Request</h2><pre id="request" tabindex="0"></pre></section>
<div class="pair">
<section><h2>Left</h2><pre id="left" tabindex="0"></pre></section>
<section><h2>Right</h2><pre id="right" tabindex="0"></pre></section>
</div>
</main>
<p id="done" hidden>All done. Every answer is saved; you can close this page.</p>
<p id="fault" role="alert" hidden></p>
<footer>
<button id="b-left" type="button"><kbd>1</kbd> Left is better</button>
<button id="b-tie" type="button"><kbd>3</kbd> As good</button>
<button id="b-right" type="button"><kbd>2</kbd> Right is better</button>
<button id="b-undo" type="button"><kbd>u</kbd> Undo</button>
</footer>
</body>
</html>
"""

STYLE: Final = """:root { color-scheme: light dark; --line: #8886; --back: Canvas; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; min-height: 100vh; display: flex;
  flex-direction: column; background: var(--back); color: CanvasText; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: center; padding: .75rem 1.25rem;
  border-bottom: 1px solid var(--line); }
h1 { font-size: 1.1rem; margin: 0 auto 0 0; }
h2 { font-size: .8rem; margin: 0; padding: .4rem .8rem; border-bottom: 1px solid var(--line);
  letter-spacing: .04em; }
header p { margin: 0; font-variant-numeric: tabular-nums; }
progress { width: 12rem; }
main { flex: 1; display: flex; flex-direction: column; gap: 1rem; padding: 1rem 1.25rem; min-height: 0; }
[hidden] { display: none !important; }
section { border: 1px solid var(--line); border-radius: .5rem; min-width: 0; overflow: hidden; }
pre { margin: 0; padding: .8rem; white-space: pre-wrap; overflow-wrap: anywhere; overflow: auto;
  max-height: 26vh; font: inherit; unicode-bidi: plaintext; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; }
.pair pre { max-height: 42vh; }
footer { position: sticky; bottom: 0; display: flex; flex-wrap: wrap; gap: .75rem; justify-content: center;
  padding: .75rem 1.25rem; border-top: 1px solid var(--line); background: var(--back); }
button { font: inherit; padding: .5rem 1rem; border: 1px solid var(--line); border-radius: .5rem;
  background: ButtonFace; color: ButtonText; cursor: pointer; }
button:disabled { opacity: .5; cursor: default; }
kbd { border: 1px solid var(--line); border-radius: .25rem; padding: 0 .35rem; margin-right: .35rem; }
#done, #fault { padding: 1rem 1.25rem; margin: 0; }
#done { flex: 1; }
#fault { border-top: 3px solid #c33; }
@media (max-width: 44rem) { .pair { grid-template-columns: 1fr; } .pair pre { max-height: 28vh; } }
"""

SCRIPT: Final = """'use strict';
const at = (id) => document.getElementById(id);
const choices = { '1': 'left', '2': 'right', '3': 'tie' };
let row = null;
let waiting = false;
let undoable = false;

function show(state) {
  row = state.row;
  undoable = state.undo;
  at('who').textContent = state.rater;
  at('bar').max = Math.max(state.total, 1);
  at('bar').value = state.total ? state.done : 1;
  at('far').textContent = `${state.done} of ${state.total}`;
  at('main').hidden = row === null;
  at('done').hidden = row !== null;
  for (const name of ['request', 'left', 'right']) {
    at(name).textContent = row === null ? '' : row[name];
    at(name).scrollTop = 0;
  }
  enable();
}

function enable() {
  for (const name of ['left', 'right', 'tie']) at('b-' + name).disabled = waiting || row === null;
  at('b-undo').disabled = waiting || !undoable;
}

async function ask(path, body) {
  if (waiting) return;
  waiting = true;
  enable();
  try {
    const options = body === undefined ? {} : {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    };
    const reply = await fetch(path, options);
    const said = await reply.json();
    if (!reply.ok) throw new Error(said.error);
    at('fault').hidden = true;
    waiting = false;
    show(said);
  } catch (error) {
    at('fault').textContent = `Not saved: ${error.message}`;
    at('fault').hidden = false;
  } finally {
    waiting = false;
    enable();
  }
}

const choose = (choice) => { if (row !== null) ask('answer', { id: row.id, choice }); };
const undo = () => { if (undoable) ask('undo', {}); };

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.key in choices) { event.preventDefault(); choose(choices[event.key]); }
  if (event.key === 'u') { event.preventDefault(); undo(); }
});
for (const name of ['left', 'right', 'tie']) at('b-' + name).addEventListener('click', () => choose(name));
at('b-undo').addEventListener('click', undo);
ask('state');
"""
