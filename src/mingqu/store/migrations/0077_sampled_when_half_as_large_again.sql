-- How often the values of a table are sampled for the planner. A server does it by itself whenever a tenth of the rows is
-- new: from ten thousand rows to half a million that is forty times, each reading up to thirty thousand rows, and it took
-- more than anything else that a close costs. What is asked of these tables goes by their keys whatever is in them, and
-- their values stay alike as they grow: half as many rows again is soon enough.
ALTER TABLE account SET (autovacuum_analyze_scale_factor = 0.5, autovacuum_analyze_threshold = 1000);
ALTER TABLE accrual_delta SET (autovacuum_analyze_scale_factor = 0.5, autovacuum_analyze_threshold = 1000);
ALTER TABLE channel_order SET (autovacuum_analyze_scale_factor = 0.5, autovacuum_analyze_threshold = 1000);
ALTER TABLE channel_word SET (autovacuum_analyze_scale_factor = 0.5, autovacuum_analyze_threshold = 1000);
ALTER TABLE evidence_leaf SET (autovacuum_analyze_scale_factor = 0.5, autovacuum_analyze_threshold = 1000);
ALTER TABLE loan SET (autovacuum_analyze_scale_factor = 0.5, autovacuum_analyze_threshold = 1000);
ALTER TABLE loan_diary SET (autovacuum_analyze_scale_factor = 0.5, autovacuum_analyze_threshold = 1000);
ALTER TABLE loan_event SET (autovacuum_analyze_scale_factor = 0.5, autovacuum_analyze_threshold = 1000);
ALTER TABLE loan_snapshot SET (autovacuum_analyze_scale_factor = 0.5, autovacuum_analyze_threshold = 1000);
ALTER TABLE portfolio_delta SET (autovacuum_analyze_scale_factor = 0.5, autovacuum_analyze_threshold = 1000);
ALTER TABLE repayment SET (autovacuum_analyze_scale_factor = 0.5, autovacuum_analyze_threshold = 1000);
ALTER TABLE transfer SET (autovacuum_analyze_scale_factor = 0.5, autovacuum_analyze_threshold = 1000);
ALTER TABLE work SET (autovacuum_analyze_scale_factor = 0.5, autovacuum_analyze_threshold = 1000);

-- What is read whole and never searched for is not sampled: comparing these took most of the time of their tables.
ALTER TABLE work ALTER COLUMN payload SET STATISTICS 0;
ALTER TABLE evidence_leaf ALTER COLUMN body SET STATISTICS 0, ALTER COLUMN hash SET STATISTICS 0;
ALTER TABLE loan_event ALTER COLUMN detail SET STATISTICS 0;
ALTER TABLE loan_snapshot ALTER COLUMN terms SET STATISTICS 0, ALTER COLUMN state SET STATISTICS 0,
                          ALTER COLUMN plan SET STATISTICS 0;
