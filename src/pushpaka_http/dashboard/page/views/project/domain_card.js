/** A custom domain: its verification, DNS records and certificate. */
import { api } from "../../lib/api.js";
import { hostOf } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { Badge, Button, Card, CopyLine, DescriptionList, ExternalLink, Icon, TimeAgo, toast, useDialog } from "../../lib/ui.js";

const STATUS = {
  pending: { tone: "wait", label: "Not verified" },
  verified: { tone: "good", label: "Verified" },
  lapsing: { tone: "bad", label: "Record missing" },
};

/** @param {{domain: object, project: object, isOwner: boolean, onChange: (domain: object) => void, onRemoved: () => void}} props */
export function DomainCard({ domain, project, isOwner, onChange, onRemoved }) {
  const { dialog, confirm } = useDialog();
  const { tone, label } = STATUS[domain.status];
  const verify = async () => {
    const checked = await api.post(`/domains/${domain.id}/verify`);
    onChange(checked);
    if (checked.status === "verified") toast.success(`${domain.domain} is verified.`);
  };
  const remove = async () => {
    await api.delete(`/domains/${domain.id}`);
    toast.success(`${domain.domain} was removed.`);
    onRemoved();
  };
  const askRemove = () =>
    confirm({
      title: `Remove ${domain.domain}?`,
      action: "Remove",
      text: "The project will no longer serve this domain, and anyone will be able to claim it. To add the domain again, you will need a new TXT record.",
      onConfirm: remove,
    });
  const url = `http${domain.ssl_enabled ? "s" : ""}://${domain.domain}`;
  const name = domain.verified ? html`<${ExternalLink} href=${url}>${domain.domain}<//>` : domain.domain;
  const title = html`<span class="row">${name}<${Badge} tone=${tone}>${label}<//></span>`;
  const actions = isOwner && html`
    <${Button} size="small" icon="refresh" onClick=${verify}>Verify<span class="unseen"> ${domain.domain}</span><//>
    <${Button} size="small" kind="quiet" icon="trash" label=${`Remove ${domain.domain}`} onClick=${askRemove} />
  `;
  return html`
    <${Card} title=${title} actions=${actions}>
      <ol class="domain-steps">
        <${Ownership} domain=${domain} />
        <${Routing} domain=${domain} project=${project} />
        <${Certificate} isIssued=${domain.ssl_enabled} />
      </ol>
      ${dialog}
    <//>
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

/** The TXT record that proves ownership, and the result of the last check. */
function Ownership({ domain }) {
  const { status, reason, checked_at: checkedAt, expires_at: expiresAt } = domain;
  const { type, name, value } = domain.verification;
  const isVerified = status === "verified";
  const records = [["Type", type], ["Name", html`<${CopyLine} text=${name} label="Copy the name" />`], ["Value", html`<${CopyLine} text=${value} label="Copy the value" />`]];
  return html`
    <${Step} isDone=${isVerified} title=${isVerified ? "Ownership verified" : `Add this ${type} record`}>
      ${
        isVerified
          ? html`<p class="hint">Keep the TXT record <code>${name}</code>. It is checked once an hour.</p>`
          : html`<div class="records stack tight"><${DescriptionList} items=${records} /></div>`
      }
      <p class="hint" role="status">
        ${checkedAt ? html`Checked <${TimeAgo} time=${checkedAt} />. ` : "The first check runs within a minute. "}
        ${reason && html`<span class=${isVerified ? "" : "reason"}>${reason}</span> `}
        ${expiresAt && (status === "pending" ? `The claim expires ${inDays(expiresAt)}.` : `Routing stops ${inDays(expiresAt)}.`)}
      </p>
    <//>
  `;
}

/** The records that point the domain to this server. */
function Routing({ domain, project }) {
  const { dns_ok: isReached, dns_actual: actual, dns_expected: expected } = domain;
  const alias = expected.cname ?? hostOf(project.url ?? "").split(":")[0];
  const records = [
    ["CNAME", html`<${CopyLine} text=${alias} label="Copy the CNAME target" />`],
    ...expected.addresses.map((address) => [address.includes(":") ? "AAAA" : "A", html`<${CopyLine} text=${address} label="Copy the address" />`]),
  ];
  return html`
    <${Step} isDone=${isReached} title=${isReached ? "The domain points to this server" : "Point the domain to this server"}>
      ${
        !isReached &&
        html`<div class="records stack tight">
          <p class="hint">Add a CNAME record${expected.addresses.length > 0 && ", or address records for an apex domain"}.</p>
          <${DescriptionList} items=${records} />
        </div>`
      }
      <p class="hint">${currentRecords(domain, actual)}</p>
    <//>
  `;
}

function currentRecords({ verified, checked_at: checkedAt }, { cname, addresses }) {
  if (cname) return `Current record: CNAME ${cname}.`;
  if (addresses.length > 0) return `Current addresses: ${addresses.join(", ")}.`;
  if (!checkedAt || !verified) return "The records are checked once the domain is verified.";
  return "No CNAME or address record was found. This is normal if the domain points to your own proxy.";
}

function Certificate({ isIssued }) {
  return html`
    <${Step} isDone=${isIssued} title=${isIssued ? "Certificate issued" : "No certificate yet"}>
      <p class="hint">
        ${
          isIssued
            ? "Visitors are redirected to HTTPS. The certificate is renewed automatically."
            : "A certificate is issued automatically once the domain points to this server, if HTTPS is enabled on this instance."
        }
      </p>
    <//>
  `;
}

function inDays(time) {
  const hours = Math.max(0, Date.parse(time) - Date.now()) / 3_600_000;
  return hours < 48 ? `in ${Math.ceil(hours)} hours` : `in ${Math.round(hours / 24)} days`;
}
