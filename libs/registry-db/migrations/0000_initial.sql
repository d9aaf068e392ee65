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
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_tenant_key_tenants_key_fk" FOREIGN KEY ("tenant_key") REFERENCES "public"."tenants"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_created_by_users_key_fk" FOREIGN KEY ("created_by") REFERENCES "public"."users"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_user_key_users_key_fk" FOREIGN KEY ("user_key") REFERENCES "public"."users"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "users" ADD CONSTRAINT "users_tenant_key_tenants_key_fk" FOREIGN KEY ("tenant_key") REFERENCES "public"."tenants"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "device_presence" ADD CONSTRAINT "device_presence_device_key_devices_key_fk" FOREIGN KEY ("device_key") REFERENCES "public"."devices"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "devices" ADD CONSTRAINT "devices_tenant_key_tenants_key_fk" FOREIGN KEY ("tenant_key") REFERENCES "public"."tenants"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "devices" ADD CONSTRAINT "devices_product_key_products_key_fk" FOREIGN KEY ("product_key") REFERENCES "public"."products"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "devices" ADD CONSTRAINT "devices_installation_key_installations_key_fk" FOREIGN KEY ("installation_key") REFERENCES "public"."installations"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "installations" ADD CONSTRAINT "installations_tenant_key_tenants_key_fk" FOREIGN KEY ("tenant_key") REFERENCES "public"."tenants"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "product_versions" ADD CONSTRAINT "product_versions_product_key_products_key_fk" FOREIGN KEY ("product_key") REFERENCES "public"."products"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "products" ADD CONSTRAINT "products_owner_tenant_key_tenants_key_fk" FOREIGN KEY ("owner_tenant_key") REFERENCES "public"."tenants"("key") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "api_keys_secret" ON "api_keys" USING btree ("secret_hash");--> statement-breakpoint
CREATE INDEX "api_keys_tenant" ON "api_keys" USING btree ("tenant_key","key");--> statement-breakpoint
CREATE INDEX "audit_records_tenant" ON "audit_records" USING btree ("tenant_key","sequence");--> statement-breakpoint
CREATE INDEX "audit_records_at" ON "audit_records" USING btree ("at");--> statement-breakpoint
CREATE INDEX "idempotency_keys_created" ON "idempotency_keys" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "login_attempts_last" ON "login_attempts" USING btree ("last_at");--> statement-breakpoint
CREATE UNIQUE INDEX "sessions_token" ON "sessions" USING btree ("token_hash");--> statement-breakpoint
CREATE INDEX "sessions_user" ON "sessions" USING btree ("user_key");--> statement-breakpoint
CREATE INDEX "users_tenant" ON "users" USING btree ("tenant_key","key");--> statement-breakpoint
CREATE INDEX "devices_changed" ON "devices" USING btree ("changed");--> statement-breakpoint
CREATE INDEX "devices_tenant" ON "devices" USING btree ("tenant_key","id");--> statement-breakpoint
CREATE INDEX "devices_product" ON "devices" USING btree ("product_key","id");--> statement-breakpoint
CREATE INDEX "devices_installation" ON "devices" USING btree ("installation_key");--> statement-breakpoint
CREATE INDEX "products_changed" ON "products" USING btree ("changed");