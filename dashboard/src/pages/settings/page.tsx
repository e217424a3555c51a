import type { ReactNode } from "react";
import { useSearchParams } from "wouter";
import { useStatus } from "../../api/hooks";
import { Failure, Loading, Tabs, usePageTitle, type Tab } from "../../parts/basic";
import { AuditTab } from "./audit";
import { Lacking } from "./common";
import { KeysTab } from "./keys";
import { MembersTab } from "./members";
import { ProjectsTab } from "./projects";
import { UsageTab } from "./usage";
import { WebhooksTab } from "./webhooks";

export default function SettingsPage(): ReactNode {
  usePageTitle("Settings");
  const status = useStatus();
  const [search, setSearch] = useSearchParams();
  if (status.error) return <Failure error={status.error} retry={() => void status.refetch()} />;
  if (!status.data) return <Loading lines={6} />;
  const scopes = new Set(status.data.scopes ?? []);
  const tab = (id: string, title: string, scope: string, content: () => ReactNode): Tab => ({
    id,
    title,
    content: () => (scopes.has(scope) ? content() : <Lacking scope={scope} what={title} />),
  });
  const owner = scopes.has("owner");
  const tabs = [
    tab("usage", "Usage", "read", () => <UsageTab />),
    tab("keys", "API keys", "admin", () => <KeysTab owner={owner} />),
    tab("webhooks", "Webhooks", "admin", () => <WebhooksTab />),
    tab("members", "Members", "owner", () => <MembersTab />),
    tab("projects", "Projects", "owner", () => <ProjectsTab />),
    tab("audit", "Audit log", "admin", () => <AuditTab owner={owner} />),
  ];
  return (
    <>
      <h1>Settings</h1>
      <p className="quiet">
        Project {status.data.project} · the key in this browser may {[...scopes].join(", ")} · Kantor {status.data.version}
      </p>
      <Tabs label="Settings" tabs={tabs} chosen={search.get("tab") ?? ""} choose={(chosen) => setSearch({ tab: chosen }, { replace: true })} />
    </>
  );
}
