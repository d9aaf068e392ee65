/** Where health and metrics of the processes without an API are served, unless OPERATIONS_PORT says otherwise. */
export const operationsPorts = { gateway: 3001, pipeline: 3002, notifier: 3003 } as const;
