export function describeRegistry(): void {}
