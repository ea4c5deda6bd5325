/**
 * The components that all views share; each module documents its own.
 *
 *     import { Button, Card, Form, Input, Status, Submit } from "../lib/ui.js";
 */
export { Button } from "./ui/button.js";
export { Confirm, Dialog, FormDialog, SecretDialog, useDialog } from "./ui/dialog.js";
export { Badge, Card, DescriptionList, ExternalLink, PageHead, Skeleton, Table, Tabs } from "./ui/display.js";
export { Checkbox, Choice, Field, Input, Select, Textarea } from "./ui/fields.js";
export { Form, FormProblem, Submit } from "./ui/form.js";
export { Icon } from "./ui/icons.js";
export { ListCard, Loaded } from "./ui/loading.js";
export { Menu } from "./ui/menu.js";
export { Empty, Note, Problem } from "./ui/notices.js";
export { Status, isFinal, toneOf } from "./ui/status.js";
export { Toasts, toast } from "./ui/toasts.js";
export { Commit, Copy, CopyLine, Duration, Prose, TimeAgo } from "./ui/values.js";
