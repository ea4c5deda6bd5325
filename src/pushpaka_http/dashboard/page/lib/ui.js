/**
 * The components that all views are made of; each says in its own module how it is used.
 *
 *     import { Button, Card, Form, Input, Status, Submit } from "../lib/ui.js";
 *
 * | Module          | What is in it |
 * |-----------------|---------------|
 * | ui/button.js    | Button |
 * | ui/form.js      | Form, Submit, FormProblem |
 * | ui/fields.js    | Input, Select, Textarea, Checkbox, Field (for a control of one's own) |
 * | ui/display.js   | PageHead, Card, Badge, Tabs, Table, Facts, Skeleton |
 * | ui/status.js    | Status, toneOf, isFinal |
 * | ui/notices.js   | Problem, Note, Empty |
 * | ui/dialog.js    | Dialog, FormDialog, Confirm |
 * | ui/menu.js      | Menu |
 * | ui/toasts.js    | toast, Toasts |
 * | ui/values.js    | Ago, Duration, Copy, CopyLine, Commit, Prose |
 * | ui/icons.js     | Icon |
 */
export { Button } from "./ui/button.js";
export { Confirm, Dialog, FormDialog } from "./ui/dialog.js";
export { Badge, Card, Facts, PageHead, Skeleton, Table, Tabs } from "./ui/display.js";
export { Checkbox, Field, Input, Select, Textarea } from "./ui/fields.js";
export { Form, FormProblem, Submit } from "./ui/form.js";
export { Icon } from "./ui/icons.js";
export { Menu } from "./ui/menu.js";
export { Empty, Note, Problem } from "./ui/notices.js";
export { Status, isFinal, toneOf } from "./ui/status.js";
export { Toasts, toast } from "./ui/toasts.js";
export { Ago, Commit, Copy, CopyLine, Duration, Prose } from "./ui/values.js";
