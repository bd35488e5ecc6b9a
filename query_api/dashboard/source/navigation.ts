/** Where one can go, and by which key. */
import type { IconName } from "./parts/icon";

export interface View {
  path: string;
  title: string;
  icon: IconName;
  shortcut: string;
  group: "" | "Explore" | "People" | "Operate";
}

export const VIEWS: View[] = [
  { path: "/", title: "Overview", icon: "home", shortcut: "o", group: "" },
  { path: "/live", title: "Live events", icon: "pulse", shortcut: "l", group: "" },
  { path: "/dashboards", title: "Dashboards", icon: "grid", shortcut: "d", group: "" },
  { path: "/trends", title: "Trends", icon: "trend", shortcut: "t", group: "Explore" },
  { path: "/funnels", title: "Funnels", icon: "funnel", shortcut: "f", group: "Explore" },
  { path: "/retention", title: "Retention", icon: "retention", shortcut: "r", group: "Explore" },
  { path: "/paths", title: "Paths", icon: "paths", shortcut: "p", group: "Explore" },
  { path: "/sessions", title: "Sessions", icon: "clock", shortcut: "s", group: "Explore" },
  { path: "/users", title: "Users", icon: "person", shortcut: "u", group: "People" },
  { path: "/cohorts", title: "Cohorts", icon: "people", shortcut: "c", group: "People" },
  { path: "/sql", title: "SQL", icon: "code", shortcut: "q", group: "Operate" },
  { path: "/rejected", title: "Rejected events", icon: "alert", shortcut: "j", group: "Operate" },
  { path: "/pipeline", title: "Pipeline", icon: "flow", shortcut: "i", group: "Operate" },
];
