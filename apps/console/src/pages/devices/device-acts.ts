import { api, ask, type Schemas } from '../../api/client.js';

type Device = Schemas['DeviceView'];

/** What can be done to a device. */
export const deviceActs = {
  enable: (id: string) => ask(api.POST('/api/v1/devices/{id}/enable', { params: { path: { id } } })),
  disable: (id: string) => ask(api.POST('/api/v1/devices/{id}/disable', { params: { path: { id } } })),
  retire: (id: string) => ask(api.DELETE('/api/v1/devices/{id}', { params: { path: { id } } })),
  change: (id: string, body: Schemas['DeviceChange']) =>
    ask(api.PATCH('/api/v1/devices/{id}', { params: { path: { id } }, body })),
  rotateSecret: (id: string, overlapSeconds: number) =>
    ask(api.POST('/api/v1/devices/{id}/secret', { params: { path: { id } }, body: { overlapSeconds } })),
  /** Adds a tag to those it has by now. */
  tag: async (id: string, key: string, value: string) => {
    const { tags } = await ask(api.GET('/api/v1/devices/{id}', { params: { path: { id } } }));
    return deviceActs.change(id, { tags: { ...tags, [key]: value } });
  },
};

export const canEnable = (device: Device): boolean => device.status === 'disabled';
export const canDisable = (device: Device): boolean => device.status === 'registered' || device.status === 'active';
export const isRetired = (device: Device): boolean => device.status === 'retired';
/** Where a device is: the point's name and address. */
export const placeOf = ({ installation }: Device): string =>
  installation ? [installation.name, installation.address].filter(Boolean).join(' · ') : '';
