CREATE TABLE "device_commands" (
	"key" uuid PRIMARY KEY NOT NULL,
	"tenant_key" uuid NOT NULL,
	"device_key" uuid NOT NULL,
	"command" text NOT NULL,
	"parameters" jsonb NOT NULL,
	"state" text NOT NULL,
	"issued_by" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"sent_at" timestamp with time zone,
	"acknowledged_at" timestamp with time zone,
	"replied_at" timestamp with time zone,
	"ended_at" timestamp with time zone,
	"reply" jsonb,
	"reply_message_id" text,
	"claimed_until" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "leases" (
	"name" text PRIMARY KEY NOT NULL,
	"holder" uuid NOT NULL,
	"until" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "master_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"fingerprint" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "device_commands" ADD CONSTRAINT "device_commands_tenant_key_tenants_key_fk" FOREIGN KEY ("tenant_key") REFERENCES "public"."tenants"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "device_commands" ADD CONSTRAINT "device_commands_device_key_devices_key_fk" FOREIGN KEY ("device_key") REFERENCES "public"."devices"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "device_commands_device" ON "device_commands" USING btree ("device_key","key");--> statement-breakpoint
CREATE INDEX "device_commands_open" ON "device_commands" USING btree ("expires_at") WHERE state in ('queued', 'sent');--> statement-breakpoint
CREATE INDEX "device_commands_created" ON "device_commands" USING btree ("created_at");