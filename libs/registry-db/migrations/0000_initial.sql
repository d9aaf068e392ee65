CREATE TABLE "api_keys" (
	"key" uuid PRIMARY KEY NOT NULL,
	"tenant_key" uuid NOT NULL,
	"created_by" uuid NOT NULL,
	"name" text NOT NULL,
	"prefix" text NOT NULL,
	"secret_hash" "bytea" NOT NULL,
	"roles" text[] NOT NULL,
	"all_tenants" boolean DEFAULT false NOT NULL,
	"expires_at" timestamp with time zone,
	"revoked_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "audit_head" (
	"only" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"sealed" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "audit_records" (
	"sequence" bigint PRIMARY KEY NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"principal_kind" text NOT NULL,
	"principal_key" uuid,
	"principal_name" text NOT NULL,
	"tenant_key" uuid,
	"method" text NOT NULL,
	"route" text NOT NULL,
	"resource_id" text,
	"outcome" text NOT NULL,
	"status" integer NOT NULL,
	"code" text,
	"ip" text NOT NULL,
	"request_id" text NOT NULL,
	"previous_hash" "bytea" NOT NULL,
	"hash" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"principal_key" uuid NOT NULL,
	"idempotency_key" text NOT NULL,
	"request_hash" "bytea" NOT NULL,
	"status" integer,
	"response" text,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "idempotency_keys_principal_key_idempotency_key_pk" PRIMARY KEY("principal_key","idempotency_key")
);
--> statement-breakpoint
CREATE TABLE "login_attempts" (
	"login" text NOT NULL,
	"ip" text NOT NULL,
	"failures" integer NOT NULL,
	"last_at" timestamp with time zone NOT NULL,
	"locked_until" timestamp with time zone,
	CONSTRAINT "login_attempts_login_ip_pk" PRIMARY KEY("login","ip")
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"key" uuid PRIMARY KEY NOT NULL,
	"user_key" uuid NOT NULL,
	"token_hash" "bytea" NOT NULL,
	"ip" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"last_used_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "tenants" (
	"key" uuid PRIMARY KEY NOT NULL,
	"id" text NOT NULL,
	"name" text NOT NULL,
	"revision" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "tenants_id_unique" UNIQUE("id")
);
--> statement-breakpoint
CREATE TABLE "users" (
	"key" uuid PRIMARY KEY NOT NULL,
	"tenant_key" uuid NOT NULL,
	"login" text NOT NULL,
	"name" text NOT NULL,
	"password_hash" text NOT NULL,
	"password_initial" boolean DEFAULT true NOT NULL,
	"roles" text[] NOT NULL,
	"all_tenants" boolean DEFAULT false NOT NULL,
	"disabled" boolean DEFAULT false NOT NULL,
	"revision" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "users_login_unique" UNIQUE("login")
);
--> statement-breakpoint
CREATE TABLE "alert_cursors" (
	"name" text PRIMARY KEY NOT NULL,
	"position" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "alert_timeline" (
	"key" uuid PRIMARY KEY NOT NULL,
	"alert_key" uuid NOT NULL,
	"kind" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"until" timestamp with time zone,
	"actor_kind" text NOT NULL,
	"actor_key" uuid NOT NULL,
	"actor_name" text NOT NULL,
	"detail" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "alert_transitions" (
	"id" text PRIMARY KEY NOT NULL,
	"applied_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "alerts" (
	"key" uuid PRIMARY KEY NOT NULL,
	"tenant_key" uuid NOT NULL,
	"rule_key" uuid NOT NULL,
	"rule_revision" integer NOT NULL,
	"subject" text NOT NULL,
	"device_key" uuid NOT NULL,
	"lane" text NOT NULL,
	"status" text NOT NULL,
	"severity" text NOT NULL,
	"title_zh" text NOT NULL,
	"title_en" text NOT NULL,
	"evidence" jsonb NOT NULL,
	"occurrences" integer NOT NULL,
	"first_at" timestamp with time zone NOT NULL,
	"last_at" timestamp with time zone NOT NULL,
	"opened_at" timestamp with time zone NOT NULL,
	"acknowledged_at" timestamp with time zone,
	"acknowledged_by" text,
	"cleared_at" timestamp with time zone,
	"cleared_kind" text,
	"cleared_by" text,
	"clear_reason" text,
	"assignee_key" uuid,
	"assignee_name" text,
	"repeat_entry_key" uuid,
	"repeat_count" integer DEFAULT 0 NOT NULL,
	"revision" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "notifications" (
	"sequence" bigint PRIMARY KEY NOT NULL,
	"id" uuid NOT NULL,
	"tenant_key" uuid NOT NULL,
	"alert_key" uuid NOT NULL,
	"lane" text NOT NULL,
	"type" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"body" text NOT NULL,
	CONSTRAINT "notifications_id_unique" UNIQUE("id")
);
--> statement-breakpoint
CREATE TABLE "dead_letter_counts" (
	"tenant_key" text NOT NULL,
	"stage" text NOT NULL,
	"reason" text NOT NULL,
	"letters" bigint NOT NULL,
	"replayed" bigint DEFAULT 0 NOT NULL,
	"last_at" timestamp with time zone NOT NULL,
	CONSTRAINT "dead_letter_counts_tenant_key_stage_reason_pk" PRIMARY KEY("tenant_key","stage","reason")
);
--> statement-breakpoint
CREATE TABLE "dead_letters" (
	"key" uuid PRIMARY KEY NOT NULL,
	"letter_id" text NOT NULL,
	"stage" text NOT NULL,
	"reason" text NOT NULL,
	"detail" text NOT NULL,
	"stream" text NOT NULL,
	"lane" text NOT NULL,
	"partition" integer NOT NULL,
	"tenant_key" uuid,
	"device_key" uuid,
	"message_id" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"original" "bytea" NOT NULL,
	"original_bytes" integer NOT NULL,
	"replayed_at" timestamp with time zone,
	"replayed_by" text,
	CONSTRAINT "dead_letters_letter_id_unique" UNIQUE("letter_id")
);
--> statement-breakpoint
CREATE TABLE "device_grants" (
	"key" uuid PRIMARY KEY NOT NULL,
	"device_tenant_key" uuid NOT NULL,
	"vendor_tenant_key" uuid NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "device_presence" (
	"device_key" uuid PRIMARY KEY NOT NULL,
	"online" boolean NOT NULL,
	"since" timestamp with time zone NOT NULL,
	"last_seen_at" timestamp with time zone,
	"cause" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "devices" (
	"key" uuid PRIMARY KEY NOT NULL,
	"id" text NOT NULL,
	"tenant_key" uuid NOT NULL,
	"product_key" uuid NOT NULL,
	"installation_key" uuid,
	"parent_key" uuid,
	"name" text NOT NULL,
	"status" text NOT NULL,
	"secret_hash" "bytea" NOT NULL,
	"previous_secret_hash" "bytea",
	"previous_secret_until" timestamp with time zone,
	"tags" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"expected_interval_ms" integer,
	"settings" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"revision" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"changed" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	CONSTRAINT "devices_id_unique" UNIQUE("id")
);
--> statement-breakpoint
CREATE TABLE "installations" (
	"key" uuid PRIMARY KEY NOT NULL,
	"tenant_key" uuid NOT NULL,
	"name" text NOT NULL,
	"address" text,
	"area_code" text,
	"building" text,
	"latitude" double precision,
	"longitude" double precision,
	"source_position" jsonb,
	"revision" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"changed" "xid8" DEFAULT pg_current_xact_id() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "product_versions" (
	"product_key" uuid NOT NULL,
	"version" integer NOT NULL,
	"thing_model" jsonb NOT NULL,
	"decoder" jsonb NOT NULL,
	"expected_interval_ms" integer NOT NULL,
	"golden_frames" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"published_at" timestamp with time zone,
	CONSTRAINT "product_versions_product_key_version_pk" PRIMARY KEY("product_key","version")
);
--> statement-breakpoint
CREATE TABLE "products" (
	"key" uuid PRIMARY KEY NOT NULL,
	"id" text NOT NULL,
	"owner_tenant_key" uuid,
	"name_zh" text NOT NULL,
	"name_en" text NOT NULL,
	"domain" text NOT NULL,
	"lane" text NOT NULL,
	"current_version" integer,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"changed" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	CONSTRAINT "products_id_unique" UNIQUE("id")
);
--> statement-breakpoint
CREATE TABLE "webhook_attempts" (
	"key" uuid PRIMARY KEY NOT NULL,
	"delivery_key" uuid NOT NULL,
	"attempt" integer NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"duration_ms" integer NOT NULL,
	"status" integer,
	"error" text NOT NULL,
	"answer" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "webhook_deliveries" (
	"key" uuid PRIMARY KEY NOT NULL,
	"endpoint_key" uuid NOT NULL,
	"tenant_key" uuid NOT NULL,
	"notification_id" uuid NOT NULL,
	"alert_key" uuid NOT NULL,
	"sequence" bigint NOT NULL,
	"type" text NOT NULL,
	"body" text NOT NULL,
	"status" text NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp with time zone,
	"deadline" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"finished_at" timestamp with time zone,
	"last_error" text
);
--> statement-breakpoint
CREATE TABLE "webhook_endpoint_events" (
	"key" uuid PRIMARY KEY NOT NULL,
	"endpoint_key" uuid NOT NULL,
	"kind" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"detail" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "webhook_endpoints" (
	"key" uuid PRIMARY KEY NOT NULL,
	"tenant_key" uuid NOT NULL,
	"name" text NOT NULL,
	"url" text NOT NULL,
	"status" text NOT NULL,
	"status_reason" text DEFAULT '' NOT NULL,
	"event_types" jsonb NOT NULL,
	"severities" jsonb NOT NULL,
	"domains" jsonb NOT NULL,
	"secret" text NOT NULL,
	"previous_secret" text,
	"previous_secret_until" timestamp with time zone,
	"validation_handshake" boolean NOT NULL,
	"sequence" bigint DEFAULT 0 NOT NULL,
	"health" text DEFAULT 'unknown' NOT NULL,
	"consecutive_failures" integer DEFAULT 0 NOT NULL,
	"last_success_at" timestamp with time zone,
	"last_failure_at" timestamp with time zone,
	"last_error" text,
	"paused_until" timestamp with time zone,
	"revision" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "webhook_targets" (
	"key" uuid PRIMARY KEY NOT NULL,
	"tenant_key" uuid NOT NULL,
	"cidr" text NOT NULL,
	"port" integer NOT NULL,
	"note" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "rules" (
	"key" uuid PRIMARY KEY NOT NULL,
	"ordinal" serial NOT NULL,
	"slug" text NOT NULL,
	"tenant_key" uuid,
	"overrides_key" uuid,
	"title_zh" text NOT NULL,
	"title_en" text NOT NULL,
	"severity" text NOT NULL,
	"enabled" boolean NOT NULL,
	"scope" jsonb NOT NULL,
	"definition" jsonb NOT NULL,
	"customised" boolean DEFAULT false NOT NULL,
	"revision" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"deleted_at" timestamp with time zone,
	"changed" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	CONSTRAINT "rules_ordinal_unique" UNIQUE("ordinal")
);
--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_tenant_key_tenants_key_fk" FOREIGN KEY ("tenant_key") REFERENCES "public"."tenants"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_created_by_users_key_fk" FOREIGN KEY ("created_by") REFERENCES "public"."users"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_user_key_users_key_fk" FOREIGN KEY ("user_key") REFERENCES "public"."users"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "users" ADD CONSTRAINT "users_tenant_key_tenants_key_fk" FOREIGN KEY ("tenant_key") REFERENCES "public"."tenants"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "alert_timeline" ADD CONSTRAINT "alert_timeline_alert_key_alerts_key_fk" FOREIGN KEY ("alert_key") REFERENCES "public"."alerts"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "alerts" ADD CONSTRAINT "alerts_tenant_key_tenants_key_fk" FOREIGN KEY ("tenant_key") REFERENCES "public"."tenants"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "notifications" ADD CONSTRAINT "notifications_tenant_key_tenants_key_fk" FOREIGN KEY ("tenant_key") REFERENCES "public"."tenants"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "device_grants" ADD CONSTRAINT "device_grants_device_tenant_key_tenants_key_fk" FOREIGN KEY ("device_tenant_key") REFERENCES "public"."tenants"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "device_grants" ADD CONSTRAINT "device_grants_vendor_tenant_key_tenants_key_fk" FOREIGN KEY ("vendor_tenant_key") REFERENCES "public"."tenants"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "device_presence" ADD CONSTRAINT "device_presence_device_key_devices_key_fk" FOREIGN KEY ("device_key") REFERENCES "public"."devices"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "devices" ADD CONSTRAINT "devices_tenant_key_tenants_key_fk" FOREIGN KEY ("tenant_key") REFERENCES "public"."tenants"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "devices" ADD CONSTRAINT "devices_product_key_products_key_fk" FOREIGN KEY ("product_key") REFERENCES "public"."products"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "devices" ADD CONSTRAINT "devices_installation_key_installations_key_fk" FOREIGN KEY ("installation_key") REFERENCES "public"."installations"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "installations" ADD CONSTRAINT "installations_tenant_key_tenants_key_fk" FOREIGN KEY ("tenant_key") REFERENCES "public"."tenants"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "product_versions" ADD CONSTRAINT "product_versions_product_key_products_key_fk" FOREIGN KEY ("product_key") REFERENCES "public"."products"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "products" ADD CONSTRAINT "products_owner_tenant_key_tenants_key_fk" FOREIGN KEY ("owner_tenant_key") REFERENCES "public"."tenants"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_attempts" ADD CONSTRAINT "webhook_attempts_delivery_key_webhook_deliveries_key_fk" FOREIGN KEY ("delivery_key") REFERENCES "public"."webhook_deliveries"("key") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_deliveries" ADD CONSTRAINT "webhook_deliveries_endpoint_key_webhook_endpoints_key_fk" FOREIGN KEY ("endpoint_key") REFERENCES "public"."webhook_endpoints"("key") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_endpoint_events" ADD CONSTRAINT "webhook_endpoint_events_endpoint_key_webhook_endpoints_key_fk" FOREIGN KEY ("endpoint_key") REFERENCES "public"."webhook_endpoints"("key") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_endpoints" ADD CONSTRAINT "webhook_endpoints_tenant_key_tenants_key_fk" FOREIGN KEY ("tenant_key") REFERENCES "public"."tenants"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_targets" ADD CONSTRAINT "webhook_targets_tenant_key_tenants_key_fk" FOREIGN KEY ("tenant_key") REFERENCES "public"."tenants"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "rules" ADD CONSTRAINT "rules_tenant_key_tenants_key_fk" FOREIGN KEY ("tenant_key") REFERENCES "public"."tenants"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "api_keys_secret" ON "api_keys" USING btree ("secret_hash");--> statement-breakpoint
CREATE INDEX "api_keys_tenant" ON "api_keys" USING btree ("tenant_key","key");--> statement-breakpoint
CREATE INDEX "audit_records_tenant" ON "audit_records" USING btree ("tenant_key","sequence");--> statement-breakpoint
CREATE INDEX "audit_records_at" ON "audit_records" USING btree ("at");--> statement-breakpoint
CREATE INDEX "idempotency_keys_created" ON "idempotency_keys" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "login_attempts_last" ON "login_attempts" USING btree ("last_at");--> statement-breakpoint
CREATE UNIQUE INDEX "sessions_token" ON "sessions" USING btree ("token_hash");--> statement-breakpoint
CREATE INDEX "sessions_user" ON "sessions" USING btree ("user_key");--> statement-breakpoint
CREATE INDEX "users_tenant" ON "users" USING btree ("tenant_key","key");--> statement-breakpoint
CREATE INDEX "alert_timeline_alert" ON "alert_timeline" USING btree ("alert_key","key");--> statement-breakpoint
CREATE INDEX "alert_transitions_applied" ON "alert_transitions" USING btree ("applied_at");--> statement-breakpoint
CREATE UNIQUE INDEX "alerts_one_open" ON "alerts" USING btree ("tenant_key","rule_key","subject") WHERE status <> 'cleared';--> statement-breakpoint
CREATE INDEX "alerts_subject" ON "alerts" USING btree ("tenant_key","rule_key","subject","key");--> statement-breakpoint
CREATE INDEX "alerts_tenant" ON "alerts" USING btree ("tenant_key","key");--> statement-breakpoint
CREATE INDEX "alerts_device" ON "alerts" USING btree ("device_key","key");--> statement-breakpoint
CREATE INDEX "alerts_open" ON "alerts" USING btree ("key") WHERE status <> 'cleared';--> statement-breakpoint
CREATE INDEX "notifications_tenant" ON "notifications" USING btree ("tenant_key","sequence");--> statement-breakpoint
CREATE INDEX "notifications_at" ON "notifications" USING btree ("at");--> statement-breakpoint
CREATE INDEX "dead_letters_tenant" ON "dead_letters" USING btree ("tenant_key","key");--> statement-breakpoint
CREATE INDEX "dead_letters_reason" ON "dead_letters" USING btree ("stage","reason","key");--> statement-breakpoint
CREATE INDEX "dead_letters_device" ON "dead_letters" USING btree ("device_key","key");--> statement-breakpoint
CREATE INDEX "dead_letters_at" ON "dead_letters" USING btree ("at");--> statement-breakpoint
CREATE INDEX "device_grants_vendor" ON "device_grants" USING btree ("vendor_tenant_key","device_tenant_key");--> statement-breakpoint
CREATE INDEX "device_grants_device" ON "device_grants" USING btree ("device_tenant_key","key");--> statement-breakpoint
CREATE INDEX "devices_changed" ON "devices" USING btree ("changed","key");--> statement-breakpoint
CREATE INDEX "devices_tenant" ON "devices" USING btree ("tenant_key","id");--> statement-breakpoint
CREATE INDEX "devices_product" ON "devices" USING btree ("product_key","id");--> statement-breakpoint
CREATE INDEX "devices_installation" ON "devices" USING btree ("installation_key");--> statement-breakpoint
CREATE INDEX "installations_changed" ON "installations" USING btree ("changed");--> statement-breakpoint
CREATE INDEX "installations_tenant" ON "installations" USING btree ("tenant_key","key");--> statement-breakpoint
CREATE INDEX "installations_area" ON "installations" USING btree ("area_code");--> statement-breakpoint
CREATE INDEX "products_changed" ON "products" USING btree ("changed");--> statement-breakpoint
CREATE INDEX "webhook_attempts_delivery" ON "webhook_attempts" USING btree ("delivery_key","key");--> statement-breakpoint
CREATE UNIQUE INDEX "webhook_deliveries_once" ON "webhook_deliveries" USING btree ("endpoint_key","notification_id");--> statement-breakpoint
CREATE UNIQUE INDEX "webhook_deliveries_sequence" ON "webhook_deliveries" USING btree ("endpoint_key","sequence");--> statement-breakpoint
CREATE INDEX "webhook_deliveries_due" ON "webhook_deliveries" USING btree ("endpoint_key","next_attempt_at") WHERE status = 'pending' and next_attempt_at is not null;--> statement-breakpoint
CREATE INDEX "webhook_deliveries_queue" ON "webhook_deliveries" USING btree ("endpoint_key","alert_key","sequence") WHERE status = 'pending';--> statement-breakpoint
CREATE INDEX "webhook_deliveries_pending_deadline" ON "webhook_deliveries" USING btree ("deadline") WHERE status = 'pending';--> statement-breakpoint
CREATE INDEX "webhook_deliveries_finished" ON "webhook_deliveries" USING btree ("finished_at") WHERE status <> 'pending';--> statement-breakpoint
CREATE INDEX "webhook_endpoint_events_endpoint" ON "webhook_endpoint_events" USING btree ("endpoint_key","key");--> statement-breakpoint
CREATE INDEX "webhook_endpoints_tenant" ON "webhook_endpoints" USING btree ("tenant_key","key");--> statement-breakpoint
CREATE UNIQUE INDEX "webhook_targets_once" ON "webhook_targets" USING btree ("tenant_key","cidr","port");--> statement-breakpoint
CREATE UNIQUE INDEX "rules_slug" ON "rules" USING btree (coalesce(tenant_key, '00000000-0000-0000-0000-000000000000'),"slug") WHERE deleted_at is null;--> statement-breakpoint
CREATE UNIQUE INDEX "rules_override" ON "rules" USING btree ("tenant_key","overrides_key") WHERE deleted_at is null;--> statement-breakpoint
CREATE INDEX "rules_changed" ON "rules" USING btree ("changed");