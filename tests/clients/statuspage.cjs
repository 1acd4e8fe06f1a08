// Ask a status page everything that the client of npm's statuspage.io asks, and print the answers as JSON.
// Arguments: the address of the page.
const { Statuspage } = require('statuspage.io');

async function main() {
  const { api, apiClient } = new Statuspage('any');
  apiClient.defaults.baseURL = process.argv[2];
  const calls = {
    summary: api.getSummary,
    status: api.getStatus,
    components: api.getComponents,
    incidents: () => api.incidents.getAll(),
    unresolved: () => api.incidents.getUnresolved(),
    maintenances: () => api.scheduledMaintenances.getAll(),
    active: () => api.scheduledMaintenances.getActive(),
    upcoming: () => api.scheduledMaintenances.getUpcoming(),
  };
  const answers = {};
  for (const [name, call] of Object.entries(calls)) answers[name] = await call();
  process.stdout.write(JSON.stringify(answers));
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
