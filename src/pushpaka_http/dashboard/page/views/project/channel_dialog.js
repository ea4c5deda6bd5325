/** The dialog that adds a notification channel. */
import { ApiError, api } from "../../lib/api.js";
import { html, useState } from "../../lib/html.js";
import { Checkbox, FormDialog, Input, Select } from "../../lib/ui.js";

const FIELDS = {
  slack: [{ name: "url", label: "Webhook URL", placeholder: "https://hooks.slack.com/services/…", hint: "The URL of an incoming webhook in your Slack workspace." }],
  discord: [{ name: "url", label: "Webhook URL", placeholder: "https://discord.com/api/webhooks/…", hint: "In Discord: Edit channel → Integrations → Webhooks." }],
  email: [
    { name: "to", label: "Send to", type: "email", placeholder: "team@example.com" },
    { name: "from", label: "Send from", type: "email", placeholder: "pushpaka@example.com" },
    { name: "server", label: "SMTP server", placeholder: "smtp.example.com", hint: "Uses STARTTLS on port 587." },
    { name: "user", label: "User name" },
    { name: "password", label: "Password", type: "password" },
  ],
  webhook: [{ name: "url", label: "URL", placeholder: "https://example.com/deployed", hint: "Receives signed JSON messages." }],
  other: [{ name: "url", label: "Apprise URL", placeholder: "tgram://…", hint: "Apprise supports more than 100 services." }],
};

const EVENTS = { success: "When a deployment succeeds", failure: "When a deployment fails, or a volume has a problem", crash: "When the application crashes" };

const TYPES = [
  { value: "slack", label: "Slack" },
  { value: "discord", label: "Discord" },
  { value: "email", label: "Email" },
  { value: "webhook", label: "Webhook" },
  { value: "other", label: "Other service" },
];

/** @param {{project: object, onAdded: () => Promise<unknown>, onClose: (channel?: object) => void}} props */
export function ChannelDialog({ project, onAdded, onClose }) {
  const [type, setType] = useState("slack");
  const add = async (values) => {
    const events = Object.keys(EVENTS).filter((event) => values[event]);
    const channel = await api.post("/notifications", { project_id: project.id, url: channelUrl(type, values), events });
    await onAdded();
    return channel;
  };
  return html`
    <${FormDialog} title="Add channel" label="New channel" action="Add" onSubmit=${add} onClose=${onClose}>
      <${Select} name="type" label="Service" options=${TYPES} value=${type} onChange=${(event) => setType(event.target.value)} />
      ${FIELDS[type].map((field) => html`<${Input} key=${`${type} ${field.name}`} isMono required autocomplete="off" ...${field} />`)}
      <p class="hint">The values are stored encrypted and never shown again.</p>
      ${Object.entries(EVENTS).map(([name, label]) => html`<${Checkbox} key=${name} name=${name} label=${label} checked />`)}
    <//>
  `;
}

/** Return the URL of a channel as the API expects it. Slack, Discord and email need Apprise URLs. */
export function channelUrl(type, { url, to, from, server, user, password }) {
  if (type === "slack") return `slack://${partsOf(url, /^https:\/\/hooks\.slack\.com\/services\/([^/]+\/[^/]+\/[^/?#]+)/, "a Slack webhook URL, https://hooks.slack.com/services/…/…/…")}`;
  if (type === "discord") return `discord://${partsOf(url, /^https:\/\/(?:[a-z]+\.)?discord(?:app)?\.com\/api\/webhooks\/(\d+\/[^/?#]+)/, "a Discord webhook URL, https://discord.com/api/webhooks/…/…")}`;
  if (type !== "email") return url;
  const query = new URLSearchParams({ smtp: server, user, pass: password, from, to });
  return `mailtos://${server}?${query.toString().replaceAll("+", "%20")}`;
}

function partsOf(url, pattern, expected) {
  const parts = pattern.exec(url)?.[1];
  if (parts) return parts;
  const details = [{ field: "url", message: `must be ${expected}` }];
  throw new ApiError({ status: 0, code: "validation_error", error: "The webhook URL is not valid.", details });
}
