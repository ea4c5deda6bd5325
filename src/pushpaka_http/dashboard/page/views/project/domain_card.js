/** A domain: what is left to do for it, what was seen of that, and whether it has a certificate. */
import { api } from "../../lib/api.js";
import { hostOf } from "../../lib/format.js";
import { html, useState } from "../../lib/html.js";
import { Ago, Badge, Button, Card, Confirm, CopyLine, Facts, Icon, toast } from "../../lib/ui.js";

const STATUS = {
  pending: { tone: "wait", label: "Not proven" },
  verified: { tone: "good", label: "Proven" },
  lapsing: { tone: "bad", label: "Record is gone" },
};

/** @param {{domain: object, project: object, isAllowed: boolean, onChange: (domain: object) => void, onGone: () => void}} props */
export function DomainCard({ domain, project, isAllowed, onChange, onGone }) {
  const [isRemoving, setIsRemoving] = useState(false);
  const { tone, label } = STATUS[domain.status];
  const verify = async () => {
    const seen = await api.post(`/domains/${domain.id}/verify`);
    onChange(seen);
    if (seen.status === "verified") toast.say(`${domain.domain} is proven.`);
  };
  const address = `http${domain.ssl_enabled ? "s" : ""}://${domain.domain}`;
  const name = domain.verified ? html`<a href=${address} target="_blank" rel="noopener noreferrer">${domain.domain}</a>` : domain.domain;
  const title = html`<span class="row">${name}<${Badge} tone=${tone}>${label}<//></span>`;
  const actions = isAllowed && html`
    <${Button} size="small" icon="refresh" onClick=${verify}>Verify now<span class="unseen"> that ${domain.domain} is yours</span><//>
    <${Button} size="small" kind="quiet" icon="trash" label=${`Remove ${domain.domain}`} onClick=${() => setIsRemoving(true)} />
  `;
  return html`
    <${Card} title=${title} actions=${actions}>
      <ol class="domain-steps">
        <${Proof} domain=${domain} />
        <${Way} domain=${domain} project=${project} />
        <${Certificate} domain=${domain} />
      </ol>
    <//>
    ${isRemoving && html`<${Removing} domain=${domain} onGone=${onGone} onClose=${() => setIsRemoving(false)} />`}
  `;
}

function Step({ isDone, title, children }) {
  return html`
    <li class=${isDone ? "done" : ""}>
      <span class="mark"><${Icon} name=${isDone ? "check" : "clock"} size=${14} /></span>
      <div class="stack tight">
        <h3>${title}<span class="unseen">${isDone ? " (done)" : " (to do)"}</span></h3>
        ${children}
      </div>
    </li>
  `;
}

/** The record that proves whose it is. */
function Proof({ domain }) {
  const { type, name, value } = domain.verification;
  const isProven = domain.status === "verified";
  return html`
    <${Step} isDone=${isProven} title=${isProven ? "It is yours" : `Set this ${type} record`}>
      ${
        isProven
          ? html`<p class="hint">Leave the TXT record <code>${name}</code> where it is: it is looked for once an hour.</p>`
          : html`<div class="records stack tight">
              <${Facts} facts=${[["Type", type], ["Name", html`<${CopyLine} text=${name} label="Copy the name" />`], ["Value", html`<${CopyLine} text=${value} label="Copy the value" />`]]} />
            </div>`
      }
      <${Sight} domain=${domain} />
    <//>
  `;
}

/** What the last look at the record has found, and until when there is time. */
function Sight({ domain }) {
  const { status, reason, checked_at: checkedAt, expires_at: expiresAt } = domain;
  return html`
    <p class="hint" role="status">
      ${checkedAt ? html`Looked for <${Ago} time=${checkedAt} />. ` : "It is looked for by itself within a minute. "}
      ${reason && html`<span class=${status === "verified" ? "" : "reason"}>${reason}</span> `}
      ${expiresAt && (status === "pending" ? `The claim ends ${inDays(expiresAt)}.` : `It is no longer routed ${inDays(expiresAt)}.`)}
    </p>
  `;
}

/** Where the name leads. */
function Way({ domain, project }) {
  const { reached, seen, expected } = domain.reachability;
  const alias = expected.cname ?? hostOf(project.url).split(":")[0];
  const title = reached ? "It leads here" : "Lead it here";
  return html`
    <${Step} isDone=${reached} title=${title}>
      ${
        !reached &&
        html`<div class="records stack tight">
          <p class="hint">Set a CNAME record${expected.addresses.length > 0 && ", or for a name that can have none, the addresses"}.</p>
          <${Facts}
            facts=${[
              ["CNAME", html`<${CopyLine} text=${alias} label="Copy the alias" />`],
              ...expected.addresses.map((address) => [address.includes(":") ? "AAAA" : "A", html`<${CopyLine} text=${address} label="Copy the address" />`]),
            ]}
          />
        </div>`
      }
      <p class="hint">${seenWords(domain, seen)}</p>
    <//>
  `;
}

function seenWords({ verified, checked_at: checkedAt }, { cname, addresses }) {
  if (cname) return `Seen: an alias of ${cname}.`;
  if (addresses.length > 0) return `Seen: ${addresses.join(", ")}.`;
  if (!checkedAt || !verified) return "Where it leads is looked at once it is proven.";
  return "Seen: no record that leads anywhere. Behind a proxy of your own that may well be so.";
}

function Certificate({ domain }) {
  const { ssl_enabled: isSecured } = domain;
  return html`
    <${Step} isDone=${isSecured} title=${isSecured ? "It has a certificate" : "No certificate yet"}>
      <p class="hint">
        ${
          isSecured
            ? "Visitors are sent to HTTPS, and it is renewed by itself."
            : "One is obtained by itself once the name leads here, where whoever runs this instance has set up HTTPS."
        }
      </p>
    <//>
  `;
}

function Removing({ domain, onGone, onClose }) {
  const remove = async () => {
    await api.delete(`/domains/${domain.id}`);
    toast.say(`${domain.domain} was removed.`);
    onGone();
  };
  return html`
    <${Confirm} title="Remove ${domain.domain}?" action="Remove it" onConfirm=${remove} onClose=${onClose}>
      <p>The project stops to answer there, and anybody may claim the name. To bring it back takes another TXT record.</p>
    <//>
  `;
}

function inDays(time) {
  const hours = Math.max(0, Date.parse(time) - Date.now()) / 3_600_000;
  return hours < 48 ? `in ${Math.ceil(hours)} hours` : `in ${Math.round(hours / 24)} days`;
}
