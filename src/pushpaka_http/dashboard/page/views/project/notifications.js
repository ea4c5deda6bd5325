/** Who is told how deployments end. */
import { api } from "../../lib/api.js";
import { html, useState } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { Ago, Badge, Button, Card, Checkbox, Confirm, CopyLine, Dialog, Empty, FormDialog, Input, Problem, Skeleton, toast } from "../../lib/ui.js";
import { may } from "./roles.js";

const OCCASIONS = { success: "Deployed", failure: "Failed", crash: "Crashed" };
const HINT = "As slack://…, discord://…, mailtos://… (the wiki of Apprise has them all), or https://… for a program of yours. It is kept encrypted and never shown.";

export function Notifications({ project }) {
  const { data, error, reload } = useResource("/notifications");
  const [isAdding, setIsAdding] = useState(false);
  const [removed, setRemoved] = useState(null);
  const [issued, setIssued] = useState(null);
  const isAllowed = may(project, "owner");
  const own = data?.data.filter(({ project_id: id }) => id === project.id) ?? [];
  const add = isAllowed && html`<${Button} icon="plus" onClick=${() => setIsAdding(true)}>Add a channel<//>`;
  const added = async (channel) => {
    if (channel.secret) setIssued(channel);
    await reload();
  };
  return html`
    <${Card} title="Notifications" hint="Who is told when a deployment serves, fails, or ends by itself later." actions=${own.length > 0 && add} isFlush=${own.length > 0}>
      ${error && html`<${Problem} error=${error} retry=${reload} />`}
      ${!data && !error && html`<${Skeleton} lines=${2} height=${24} />`}
      ${
        data && own.length === 0 &&
        html`<${Empty} title="Nobody is told yet" icon="alert" action=${add}>
          ${isAllowed ? "Have a chat, a mailbox or a program told how deployments end." : "The owner of the project can have somebody told how deployments end."}
        <//>`
      }
      ${own.length > 0 && html`<ul class="entries">${own.map((channel) => html`<${Entry} key=${channel.id} channel=${channel} isAllowed=${isAllowed} reload=${reload} remove=${() => setRemoved(channel)} />`)}</ul>`}
      ${isAdding && html`<${Adding} project=${project} onAdded=${added} onClose=${() => setIsAdding(false)} />`}
      ${removed && html`<${Removing} channel=${removed} onDone=${reload} onClose=${() => setRemoved(null)} />`}
      ${issued && html`<${Issued} channel=${issued} onClose=${() => setIssued(null)} />`}
    <//>
  `;
}

function Entry({ channel, isAllowed, reload, remove }) {
  const told = Object.entries(OCCASIONS).filter(([name]) => channel[name]);
  const test = async () => {
    await api.post(`/notifications/${channel.id}/test`);
    toast.say("A test is on its way. How it went is shown here.");
    // A worker sends it, and no event tells of that.
    for (const pause of [1500, 4000]) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      await reload();
    }
  };
  return html`
    <li>
      <div class="row apart">
        <p class="row"><strong>${channel.service}</strong>${told.map(([name, label]) => html`<${Badge} key=${name}>${label}<//>`)}</p>
        ${
          isAllowed &&
          html`<div class="row">
            <${Button} size="small" kind="quiet" onClick=${test}>Send a test<//>
            <${Button} size="small" kind="quiet" icon="trash" label=${`Remove the channel ${channel.service}`} onClick=${remove} />
          </div>`
        }
      </div>
      <p class="hint">
        ${channel.last_told_at ? html`Took the last message <${Ago} time=${channel.last_told_at} />. ` : "Has taken nothing yet. "}
        ${channel.last_error && html`<span class="reason">The last one was not taken: ${channel.last_error}</span>`}
      </p>
    </li>
  `;
}

function Adding({ project, onAdded, onClose }) {
  const add = async (values) => {
    const channel = await api.post("/notifications", { project_id: project.id, ...values });
    onClose();
    await onAdded(channel);
  };
  return html`
    <${FormDialog} title="Add a channel" label="New channel" action="Add it" onSubmit=${add} onClose=${onClose}>
      <${Input} name="url" label="Address" isMono required autocomplete="off" placeholder="slack://…" hint=${HINT} />
      <${Checkbox} name="success" label="When a deployment serves" checked />
      <${Checkbox} name="failure" label="When one has failed" checked />
      <${Checkbox} name="crash" label="When what runs has crashed" checked />
    <//>
  `;
}

function Issued({ channel, onClose }) {
  return html`
    <${Dialog} title="What it is signed with" onClose=${onClose} actions=${html`<${Button} kind="primary" onClick=${onClose}>I have copied it<//>`}>
      <p>Your program checks by this secret that we are who tells it, as Standard Webhooks say. It is shown this once.</p>
      <${CopyLine} text=${channel.secret} label="Copy the secret" />
    <//>
  `;
}

function Removing({ channel, onDone, onClose }) {
  const remove = async () => {
    await api.delete(`/notifications/${channel.id}`);
    toast.say("The channel was removed.");
    await onDone();
  };
  return html`
    <${Confirm} title="Remove this channel?" action="Remove it" onConfirm=${remove} onClose=${onClose}>
      <p>Nothing is told by ${channel.service} any more. Its address is forgotten.</p>
    <//>
  `;
}
