/** The members of a project. */
import { api } from "../../lib/api.js";
import { day } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { navigate } from "../../lib/router.js";
import { useUser } from "../../lib/session.js";
import { Badge, Button, Card, Choice, Problem, Skeleton, toast, useDialog } from "../../lib/ui.js";
import { Invitations } from "./invitations.js";
import { ROLE_OPTIONS, hasRole } from "./roles.js";

const HINT = "Viewers can see everything except secrets. Members can also deploy, and change settings and environment variables. Only the owner can manage members, domains and integrations.";

export default function Members({ project, reload: reloadProject }) {
  const path = `/projects/${project.id}/members`;
  const { data, error, reload, set } = useResource(path);
  const { dialog, confirm } = useDialog();
  const isOwner = hasRole(project, "owner");
  const replace = (member) => set((page) => ({ data: page.data.map((each) => (each.user_id === member.user_id ? member : each)) }));

  const changeRole = async (member, role) => {
    replace({ ...member, role });
    try {
      replace(await api.patch(`${path}/${member.user_id}`, { role }));
      toast.success(`${member.name} is now a ${role}.`);
    } catch (error) {
      replace(member);
      toast.error(error);
    }
  };
  const askRemove = (member) =>
    confirm({
      title: `Remove ${member.name}?`,
      action: "Remove",
      text: `${member.email} will lose access to the project immediately. Their deployments are kept.`,
      onConfirm: async () => {
        await api.delete(`${path}/${member.user_id}`);
        toast.success(`${member.name} was removed.`);
        await reload();
      },
    });
  const askLeave = (member) =>
    confirm({
      title: `Leave ${project.name}?`,
      action: "Leave",
      text: "You will lose access to the project. Only the owner of the project can invite you again.",
      onConfirm: async () => {
        await api.delete(`${path}/${member.user_id}`);
        toast.success(`You left ${project.name}.`);
        navigate("/", { replace: true });
      },
    });
  const askTransfer = (member) =>
    confirm({
      title: `Make ${member.name} the owner?`,
      action: "Transfer ownership",
      name: project.name,
      text: "You cannot undo this. You will remain a member. The Git token will be deleted, pending invitations will end, and custom domains will move to the new owner.",
      onConfirm: async () => {
        await api.post(`/projects/${project.id}/transfer`, { owner_id: member.user_id });
        toast.success(`${member.name} is now the owner of ${project.name}.`);
        await Promise.all([reload(), reloadProject()]);
      },
    });

  if (error && !data) return html`<${Problem} error=${error} retry=${reload} />`;
  return html`
    <div class="stack loose">
      <${Card} title="Members" hint=${HINT} isFlush>
        ${
          data
            ? html`<ul class="entries">${data.data.map((member) => html`<${Member} key=${member.user_id} ...${{ member, isOwner, changeRole, askTransfer, askRemove, askLeave }} />`)}</ul>`
            : html`<div class="waiting"><${Skeleton} lines=${2} height=${40} /></div>`
        }
      <//>
      ${isOwner && html`<${Invitations} project=${project} />`}
      ${dialog}
    </div>
  `;
}

function Member({ member, isOwner, changeRole, askTransfer, askRemove, askLeave }) {
  const isSelf = useUser().id === member.user_id;
  const isChangeable = isOwner && member.role !== "owner";
  const name = member.name || member.email;
  return html`
    <li class="member">
      <div>
        <p class="row"><strong>${name}</strong>${isSelf && html`<${Badge} tone="busy">You<//>`}</p>
        <p class="hint">${member.email}, since ${day(member.created_at)}</p>
      </div>
      <div class="row">
        ${
          isChangeable
            ? html`
                <${Choice} aria-label=${`Role of ${name}`} options=${ROLE_OPTIONS} value=${member.role} onChange=${(event) => changeRole(member, event.target.value)} />
                <${Button} size="small" kind="quiet" onClick=${() => askTransfer(member)}>Make owner<span class="unseen"> (${name})</span><//>
                <${Button} size="small" kind="quiet" icon="trash" label=${`Remove ${name}`} onClick=${() => askRemove(member)} />`
            : html`<${Badge}>${member.role}<//>`
        }
        ${isSelf && member.role !== "owner" && html`<${Button} size="small" onClick=${() => askLeave(member)}>Leave<//>`}
      </div>
    </li>
  `;
}
