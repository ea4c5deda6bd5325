/** API tokens: made, shown once, and deleted. */
import { api } from "../../lib/api.js";
import { now } from "../../lib/clock.js";
import { day } from "../../lib/format.js";
import { html, useState } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { Ago, Badge, Button, Card, Confirm, CopyLine, Dialog, Empty, Form, Input, Note, Problem, Select, Skeleton, Submit, Table, toast } from "../../lib/ui.js";

const DAY = 24 * 60 * 60 * 1000;

const SCOPES = [
  { value: "deploy", label: "Deploy", hint: "Look at everything; deploy, roll back, restart and stop." },
  { value: "read", label: "Read", hint: "Look at everything, and change nothing." },
  { value: "full", label: "Full", hint: "All that you may, but for tokens, passwords and teams." },
];

const LIFETIMES = [
  { value: "90", label: "90 days" },
  { value: "30", label: "30 days" },
  { value: "365", label: "A year" },
  { value: "", label: "No end" },
];

export function Tokens() {
  const tokens = useResource("/tokens");
  const [isMaking, setIsMaking] = useState(false);
  const [leaving, setLeaving] = useState(null);
  const all = tokens.data?.data;

  const remove = async () => {
    await api.delete(`/tokens/${leaving.id}`);
    tokens.set({ data: all.filter((token) => token.id !== leaving.id) });
    toast.say(`The token “${leaving.name}” was deleted.`);
  };
  const actions = all?.length > 0 && html`<${Button} icon="plus" onClick=${() => setIsMaking(true)}>New token<//>`;
  return html`
    <${Card} title="API tokens" hint="For programs that act for you, as in CI." actions=${actions} isFlush=${all?.length > 0}>
      ${tokens.error && html`<${Problem} error=${tokens.error} retry=${tokens.reload} />`}
      ${!all && !tokens.error && html`<${Skeleton} lines=${2} height=${24} />`}
      ${all?.length === 0 && html`<${None} onMake=${() => setIsMaking(true)} />`}
      ${all?.length > 0 && html`<${Table} label="API tokens" columns=${columns(setLeaving)} rows=${all} />`}
    <//>
    ${isMaking && html`<${Making} onMade=${tokens.reload} onClose=${() => setIsMaking(false)} />`}
    ${
      leaving &&
      html`<${Confirm} title="Delete this token?" action="Delete the token" onConfirm=${remove} onClose=${() => setLeaving(null)}>
        <p>Programs that use “${leaving.name}” (<code>${leaving.prefix}…</code>) are let in no more, from now on.</p>
      <//>`
    }
  `;
}

function None({ onMake }) {
  return html`
    <${Empty} title="No API tokens" icon="key" action=${html`<${Button} icon="plus" onClick=${onMake}>New token<//>`}>
      A program proves by a token that it acts for you, without your password. Each can be deleted by itself.
    <//>
  `;
}

const columns = (onDelete) => [
  { head: "Token", cell: (token) => html`<${Name} of=${token} />` },
  { head: "Use", isNarrow: true, cell: (token) => html`<${Use} of=${token} />` },
  {
    head: "Delete",
    isHeadHidden: true,
    isNarrow: true,
    cell: (token) => html`<${Button} kind="quiet" size="small" icon="trash" label=${`Delete the token ${token.name}`} onClick=${() => onDelete(token)} />`,
  },
];

function Name({ of: { name, prefix, scope } }) {
  return html`
    <div class="token">
      <span class="strong">${name}</span>
      <span class="row"><code class="hint">${prefix}…</code><${Badge}>${scope}<//></span>
    </div>
  `;
}

function Use({ of: { last_used_at: used, expires_at: end } }) {
  const isOver = end && Date.parse(end) <= now();
  return html`
    <div class="token">
      <span>${used ? html`Used <${Ago} time=${used} />` : "Never used"}</span>
      <span class="hint">${isOver ? html`<${Badge} tone="bad">expired<//>` : end ? `Until ${day(end)}` : "No end"}</span>
    </div>
  `;
}

/** Asks for a token, and shows it: it is told in this one answer alone. */
function Making({ onMade, onClose }) {
  const [made, setMade] = useState(null);
  const [chosen, setChosen] = useState("deploy");
  const make = async ({ name, scope, lifetime }) => {
    const expires = lifetime && new Date(now() + Number(lifetime) * DAY).toISOString();
    setMade(await api.post("/tokens", { name, scope, expires_at: expires }));
    onMade();
  };
  if (made) {
    return html`
      <${Dialog} title=${`The token “${made.name}”`} onClose=${onClose} actions=${html`<${Button} kind="primary" onClick=${onClose}>I have copied it<//>`}>
        <${Note} kind="warn"><p>Copy it now: it is shown only this once.</p><//>
        <${CopyLine} text=${made.token} label="Copy the token" />
        <p class="hint">Programs send it as <code>Authorization: Bearer …</code></p>
      <//>
    `;
  }
  const { hint } = SCOPES.find(({ value }) => value === chosen);
  return html`
    <${Dialog} title="New API token" onClose=${onClose}>
      <${Form} label="New API token" onSubmit=${make}>
        <${Input} name="name" label="Name" placeholder="CI of shop" required autofocus />
        <${Select} name="scope" label="Scope" hint=${hint} options=${SCOPES} value=${chosen} onChange=${(event) => setChosen(event.target.value)} />
        <${Select} name="lifetime" label="Good for" options=${LIFETIMES} value="90" />
        <div class="actions">
          <${Button} onClick=${onClose}>Cancel<//>
          <${Submit}>Make the token<//>
        </div>
      <//>
    <//>
  `;
}
