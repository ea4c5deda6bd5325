/** One's own account: who one is, API tokens, the password, and where one is signed in. */
import { api } from "../lib/api.js";
import { day } from "../lib/format.js";
import { html, useState } from "../lib/html.js";
import { remember } from "../lib/resource.js";
import { navigate } from "../lib/router.js";
import { session, useUser } from "../lib/session.js";
import { Button, Card, Confirm, Facts, Form, Input, PageHead, Submit, toast } from "../lib/ui.js";
import { Tokens } from "./account/tokens.js";

export default function Account() {
  return html`
    <${PageHead} title="Account" />
    <div class="stack loose">
      <${Profile} />
      <${Tokens} />
      <${Password} />
      <${Sessions} />
    </div>
  `;
}

function Profile() {
  const user = useUser();
  const facts = [
    ["Name", user.name],
    ["E-mail", user.email],
    ["Role", user.role === "admin" ? "Administrator of this instance" : "User"],
    ["Member since", html`<time datetime=${user.created_at}>${day(user.created_at)}</time>`],
  ];
  return html`<${Card} title="Profile"><${Facts} facts=${facts} /><//>`;
}

function Password() {
  const { email } = useUser();
  const change = async (values) => {
    session.begin(await api.post("/auth/password", values));
    remember("/tokens", { data: [] });
    toast.say("The password was changed. All that was signed in as you before is not any more.");
  };
  return html`
    <${Card} title="Password" hint="Another password ends all other sessions, and deletes your API tokens.">
      <${Form} label="Change the password" class="short" onSubmit=${change} resets>
        <input type="text" autocomplete="username" value=${email} aria-hidden="true" hidden readonly />
        <${Input} name="current_password" label="Present password" type="password" autocomplete="current-password" required />
        <${Input} name="new_password" label="New password" type="password" autocomplete="new-password" hint="At least 8 characters." required />
        <div><${Submit}>Change the password<//></div>
      <//>
    <//>
  `;
}

function Sessions() {
  const [isAsking, setIsAsking] = useState(false);
  return html`
    <${Card} title="Sessions" hint="A session ends by itself after a while, and when the password is changed.">
      <div class="row">
        <${Button} onClick=${() => signOut({ everywhere: false })}>Sign out here<//>
        <${Button} kind="danger" onClick=${() => setIsAsking(true)}>Sign out everywhere<//>
      </div>
    <//>
    ${
      isAsking &&
      html`<${Confirm} title="Sign out everywhere?" action="Sign out everywhere" onConfirm=${() => signOut({ everywhere: true })} onClose=${() => setIsAsking(false)}>
        <p>This browser and all others have to sign in again, and your API tokens are deleted.</p>
      <//>`
    }
  `;
}

async function signOut(where) {
  await api.post("/auth/logout", where);
  session.end();
  navigate("/sign-in", { replace: true });
}
