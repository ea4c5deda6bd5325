/** Making an account. */
import { api } from "../lib/api.js";
import { html } from "../lib/html.js";
import { Link, useTitle } from "../lib/router.js";
import { session } from "../lib/session.js";
import { Form, Input, Submit } from "../lib/ui.js";
import { Gate } from "../shell/brand.js";

export default function Register() {
  useTitle("Make an account");
  const register = async (values) => session.begin(await api.post("/auth/register", values));
  const other = html`You have one already? <${Link} to=${`/sign-in${window.location.search}`}>Sign in<//>`;
  return html`
    <${Gate} title="Make an account" other=${other}>
      <${Form} label="Make an account" onSubmit=${register}>
        <${Input} name="name" label="Name" autocomplete="name" autocapitalize="words" required autofocus />
        <${Input} name="email" label="E-mail" type="email" autocomplete="username" required />
        <${Input} name="password" label="Password" type="password" autocomplete="new-password" hint="At least 8 characters." required />
        <${Submit}>Make an account<//>
      <//>
    <//>
  `;
}
