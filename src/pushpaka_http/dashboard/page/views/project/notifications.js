/** Notification channels. */
import { api } from "../../lib/api.js";
import { html } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { Badge, Button, ListCard, SecretDialog, TimeAgo, toast, useDialog } from "../../lib/ui.js";
import { ChannelDialog } from "./channel_dialog.js";
import { hasRole } from "./roles.js";

const EVENTS = { success: "Deployed", failure: "Failed", crash: "Crashed" };

export function Notifications({ project }) {
  const resource = useResource("/notifications");
  const { dialog, open, confirm } = useDialog();
  const isOwner = hasRole(project, "owner");

  const showSecret = (channel) =>
    open((close) => html`
      <${SecretDialog} title="Signing secret" secret=${channel.secret} label="Copy the secret" onClose=${close}>
        <p>Use the secret to verify the signature of each message, as described by Standard Webhooks.</p>
      <//>
    `);
  const askAdd = () =>
    open((close) => html`
      <${ChannelDialog} project=${project} onAdded=${resource.reload} onClose=${(channel) => (channel?.secret ? showSecret(channel) : close())} />
    `);
  const askRemove = ({ id, service }) =>
    confirm({
      title: "Remove this channel?",
      action: "Remove",
      text: `Pushpaka will no longer send notifications to ${service}, and will delete its URL.`,
      onConfirm: async () => {
        await api.delete(`/notifications/${id}`);
        toast.success("The channel was removed.");
        await resource.reload();
      },
    });
  const text = isOwner ? "Send the results of deployments to a chat, a mailbox or a program." : "The project owner can add notification channels.";
  return html`
    <${ListCard}
      title="Notifications" hint="Notifications are sent when a deployment succeeds or fails, when the application crashes, and when a volume has a problem."
      resource=${resource} filter=${({ project_id: id }) => id === project.id}
      action=${isOwner && html`<${Button} icon="plus" onClick=${askAdd}>Add channel<//>`}
      empty=${{ title: "No notifications yet", icon: "mail", text }}
    >
      ${(channels) => html`
        <ul class="entries">${channels.map((channel) => html`<${Entry} key=${channel.id} ...${{ channel, isOwner }} reload=${resource.reload} onRemove=${askRemove} />`)}</ul>
      `}
    <//>
    ${dialog}
  `;
}

function Entry({ channel, isOwner, reload, onRemove }) {
  const test = async () => {
    await api.post(`/notifications/${channel.id}/test`);
    toast.success("The test notification is queued. The result appears here.");
    // A worker sends it, and publishes no event.
    for (const pause of [1500, 4000]) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      await reload();
    }
  };
  return html`
    <li>
      <div class="row apart">
        <p class="row"><strong>${channel.service}</strong>${channel.events.map((event) => html`<${Badge} key=${event}>${EVENTS[event]}<//>`)}</p>
        ${
          isOwner &&
          html`<div class="row">
            <${Button} size="small" kind="quiet" onClick=${test}>Send test<//>
            <${Button} size="small" kind="quiet" icon="trash" label=${`Remove the ${channel.service} channel`} onClick=${() => onRemove(channel)} />
          </div>`
        }
      </div>
      <p class="hint">
        ${channel.last_delivered_at ? html`Last delivery <${TimeAgo} time=${channel.last_delivered_at} />. ` : "No deliveries yet. "}
        ${channel.last_error && html`<span class="reason">The last delivery failed: ${channel.last_error}</span>`}
      </p>
    </li>
  `;
}
