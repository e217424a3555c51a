import { useState, type ReactNode } from "react";
import { save } from "../../lib/download";
import { IN_FILES, body, commandLine, curl, python, type Request } from "../../lib/snippets";
import { Code, Tabs } from "../../parts/basic";

/** What was chosen, to copy. */
export function Snippets({ request }: { request: Request }): ReactNode {
  const [chosen, setChosen] = useState("python");
  return (
    <section aria-label="The same as code">
      <Tabs
        label="Language"
        chosen={chosen}
        choose={setChosen}
        tabs={[
          { id: "python", title: "Python", content: () => <Code text={python(request)} label="Python" /> },
          { id: "curl", title: "curl", content: () => <Code text={curl(request, location.origin)} label="curl" /> },
          { id: "cli", title: "Command", content: () => <Code text={commandLine(request)} label="kantor" /> },
        ]}
      />
      <button type="button" className="small" onClick={() => save([JSON.stringify(body(request), null, 1)], "request.json", "application/json")}>
        Request (JSON)
      </button>
      {IN_FILES.has(String(request.problem.kind)) && (
        <button type="button" className="small" onClick={() => save([JSON.stringify(request.problem, null, 1)], "problem.json", "application/json")}>
          Problem (JSON)
        </button>
      )}
    </section>
  );
}
